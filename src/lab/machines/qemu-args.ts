// A rented server as QEMU's command line: pure data in, arguments out.
import type { Accelerator } from './accelerator.ts'
import type { MachineSpec } from './driver.ts'

/** A value inside QEMU's `key=value,key=value`: a comma is written twice, nothing else has a meaning. */
function escapeValue(text: string): string {
  return text.replaceAll(',', ',,')
}

/** The I/O port of the second serial port, two bytes, little endian: SeaBIOS mirrors its screen to the port that etc/sercon-port names. */
export const serconPort: Uint8Array = Uint8Array.of(0xf8, 0x02)

/** The longest boot URL that fits the file name of a DHCP answer, in bytes. */
export const maxBootUrlBytes = 127

/**
 * QEMU's arguments for a machine. Its second serial port (ttyS1, as on the rented servers) is the process's stdin and stdout.
 * @param files paths: of a file that holds `serconPort`, and of the disk
 */
export function qemuArgs(
  spec: MachineSpec,
  accelerator: Accelerator,
  files: { sercon: string; disk: string },
): string[] {
  const settings = [
    // Nothing but what stands here: no devices by default, no configuration of the user.
    ['-no-user-config', '-nodefaults', '-display', 'none', '-monitor', 'none'],
    ['-name', escapeValue(`metalkit-${spec.id}`), '-uuid', spec.id],
    ['-machine', 'q35', ...accelerator.args],
    ['-smp', String(spec.cpus), '-m', String(spec.memoryMib)],
    // The card brings iPXE in its ROM. IPv6 stays on: without an answer there iPXE waits 15 s for one each time it says dhcp.
    ['-netdev', `user,id=n0,hostname=${escapeValue(spec.hostname)},bootfile=${escapeValue(spec.bootUrl)}`],
    // First the network, as on the rented servers: a boot script that says `exit` makes the firmware go on to the disk.
    ['-device', `virtio-net-pci,netdev=n0,mac=${escapeValue(spec.mac)},bootindex=0`],
    // SCSI makes it /dev/sda. A system that frees blocks frees them on this computer too.
    ['-drive', `if=none,id=d0,format=raw,discard=unmap,file=${escapeValue(files.disk)}`],
    ['-device', 'virtio-scsi-pci,id=scsi0', '-device', 'scsi-hd,bus=scsi0.0,drive=d0,bootindex=1'],
    ['-chardev', 'stdio,id=sos,signal=off', '-serial', 'null', '-serial', 'chardev:sos'],
    ['-fw_cfg', `name=etc/sercon-port,file=${escapeValue(files.sercon)}`],
  ]
  return settings.flat()
}
