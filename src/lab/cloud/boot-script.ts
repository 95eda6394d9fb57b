// The iPXE script that the lab's boot server gives a device: the real one's steps in the real one's order.
import type { Device } from './device.ts'

/**
 * The script of a device. `bootUrl` is the boot server's URL for it, without a slash at the end. The phone-home is a plain GET,
 * because the iPXE of Debian's QEMU has no `params`. A boot that is not to go over the network only says `exit`, which makes
 * the firmware go on to the disk. An isolated machine is given the user's script by the lab. `metadata_url` is the lab's own: a script that is chained to can pass it on to its kernel.
 */
export function bootScript(device: Device, bootUrl: string, isIsolated = false): string {
  if (!device.pxeArmed && !device.alwaysPxe) return '#!ipxe\n\nexit\n'
  return `#!ipxe

set iface eth0 || shell
set tinkerbell ${bootUrl}
set metadata_url ${bootUrl}
set syslog_host 127.0.0.1
set ipxe_cloud_config packet
echo Lab of metalkit - iPXE boot of ${device.hostname}

imgfetch \${tinkerbell}/phone-home?type=provisioning.104.01 ||
imgfree

set packet_facility ${device.facilityCode}
set packet_plan ${device.plan.slug}
${ownScript(device, isIsolated ? `${bootUrl}/script` : (device.ipxeScriptUrl ?? ''))}`
}

/** The user's part. Where there are both, the userdata wins, as in the real boot server. */
function ownScript(device: Device, scriptUrl: string): string {
  if (device.userdata.startsWith('#!ipxe')) return `${device.userdata.replace(/^#!ipxe[^\n]*\n?/, '').trimEnd()}\n`
  return `chain --autofree ${scriptUrl}\n`
}
