// The iPXE script that the lab's boot server sends to a device: the same steps as the real service's script, in the same order.
import type { Device } from './device.ts'

/** How a script is written. */
interface ScriptOptions {
  isRelayed?: boolean | undefined
  /** How iPXE gets to the disk. */
  diskBoot?: 'exit' | 'sanboot' | undefined
}

/**
 * Writes a device's script. `bootUrl` is the boot server's URL for the device, without a trailing slash. The phone-home is a plain GET,
 * because the iPXE of Debian's QEMU has no `params`. For a boot from the disk the script only says `exit`, which makes
 * the firmware try the disk next, or boots the disk itself. With `isRelayed`, the machine gets the user's script from the boot server, too. `metadata_url` is a lab extension: a chained
 * script can pass it to its kernel.
 */
export function deviceScript(
  device: Device,
  bootUrl: string,
  { isRelayed = false, diskBoot = 'exit' }: ScriptOptions = {},
): string {
  if (!device.pxeArmed && !device.alwaysPxe) return `#!ipxe\n\n${toDisk[diskBoot]}\n`
  return `#!ipxe

set iface eth0 || shell
set tinkerbell ${bootUrl}
set metadata_url ${bootUrl}
set syslog_host 127.0.0.1
set ipxe_cloud_config packet
echo ${device.machine === undefined ? 'Lab' : 'Rack'} of metalkit - iPXE boot of ${device.hostname}

imgfetch \${tinkerbell}/phone-home?type=provisioning.104.01 ||
imgfree

set packet_facility ${device.facilityCode}
set packet_plan ${device.plan.slug}
${ownScript(device, isRelayed ? `${bootUrl}/script` : (device.ipxeScriptUrl ?? `${bootUrl}/userdata`))}`
}

/** Boots the disk. Drive 0x80 is the first one; iPXE for UEFI reads it in the same way. */
const toDisk = { exit: 'exit', sanboot: 'sanboot --no-describe --drive 0x80 || exit' }

/** The user's part of the script. Userdata overrides the script URL, as in the real boot server. */
function ownScript(device: Device, scriptUrl: string): string {
  if (device.userdata.startsWith('#!ipxe')) return `${device.userdata.replace(/^#!ipxe[^\n]*\n?/, '').trimEnd()}\n`
  return `chain --autofree ${scriptUrl}\n`
}
