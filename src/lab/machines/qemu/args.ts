// QEMU's command line for a machine: pure data in, arguments out.
import { isSea } from 'node:sea'

import type { Accelerator } from './accelerator.ts'
import { nameUuid } from '../../storage/name-uuid.ts'
import type { MachineSpec, Passage } from '../driver.ts'

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Escapes a value for QEMU's `key=value,key=value`: commas are doubled, no other character is special. */
export function escapeValue(text: string): string {
  return text.replaceAll(',', ',,')
}

/** The I/O port of a machine's serial console, two bytes, little endian. SeaBIOS mirrors its screen to the port in etc/sercon-port. */
export function serconPort({ tty }: Pick<MachineSpec, 'tty'>): Uint8Array {
  return Uint8Array.of(0xf8, tty === 'ttyS0' ? 0x03 : 0x02)
}

/** The longest boot URL, in bytes, that fits the file name field of a DHCP answer. */
export const maxBootUrlBytes = 127

/** The descriptor of QEMU's control socket. */
export const qmpFd = 3

/** The descriptor of the first file that QEMU inherits. */
const firstFd = 4

/** The path of an inherited file in QEMU; files count from 0. */
export function pathOfFile(index: number): string {
  return `/dev/fd/${firstFd + index}`
}

/** The files and names on this computer that belong to a machine. */
export interface QemuFiles {
  /** Path of the disk; without it the machine has no disk. */
  disk?: string
  /** The lab's process, in the form of nameProcess. */
  owner: string
  /** Folder from which QEMU's own TFTP server serves the boot script, in place of the lab. */
  tftp?: string
}

/** The name of a QEMU process, from which a later lab can tell its owner. */
export function processMark(id: string, owner: string): string {
  return `metalkit-${id}@${owner.replace(' ', '.')}`
}

/** Parses a name that processMark made. */
export function parseMark(name: string): { id: string; owner: string } | undefined {
  const [, id, pid, start] = /^metalkit-(\w[\w.-]*)@(\d+)(?:\.(\d+))?$/.exec(name) ?? []
  if (id === undefined || pid === undefined) return undefined
  return { id, owner: start === undefined ? pid : `${pid} ${start}` }
}

/** The argument of a disk, up to its path. */
export const diskArgument = 'if=none,id=d0,format=raw,discard=unmap,file='

/**
 * Closes QEMU's network except for the passages. QEMU's own address is moved, because a forward cannot use it. Each connection has a
 * process of its own, because QEMU's other kinds of forward connect only once.
 */
function isolate(passages: readonly Passage[]): string[] {
  const forwards = passages.map(({ guestPort, host, port }) => {
    const program = `const s=require("net").connect(${port},${JSON.stringify(host)});process.stdin.pipe(s).pipe(process.stdout);s.on("error",()=>process.exit(1))`
    const command = isSea() ? `nc ${host} ${port}` : `"${process.execPath}" -e '${program}'`
    return `guestfwd=tcp:10.0.2.2:${guestPort}-cmd:${command}`
  })
  return ['restrict=on', 'host=10.0.2.254', ...forwards]
}

/**
 * The options that QEMU reads from a file, since every local user can see its command line: with the boot URL anyone could read
 * everything that the lab tells the machine. The other network options stay on the command line, because the file allows each key only once.
 * @throws Error for a URL that the format cannot express
 */
export function secretConfig({ bootUrl }: Pick<MachineSpec, 'bootUrl'>): string {
  if (/["\n]/.test(bootUrl)) throw new Error(`the boot URL ${JSON.stringify(bootUrl)} contains a quote or a line end`)
  return `[netdev "n0"]\n  type = "user"\n  bootfile = "${bootUrl}"\n`
}

/** The arguments of every machine: no default devices, a name, a control socket, a network, a serial line. DHCP names the boot script. */
function commonArgs(spec: MachineSpec, { owner, tftp }: QemuFiles): { machine: string[]; devices: string[] } {
  const network = [
    `hostname=${spec.hostname}`,
    ...(tftp === undefined ? [] : [`tftp=${tftp}`]),
    ...(spec.passages === undefined ? [] : isolate(spec.passages)),
  ]
  return {
    machine: [
      ['-no-user-config', '-nodefaults', '-display', 'none'],
      [
        '-name',
        escapeValue(processMark(spec.id, owner)),
        '-uuid',
        uuidPattern.test(spec.id) ? spec.id : nameUuid(spec.id),
      ],
      ['-chardev', `socket,id=control,fd=${qmpFd}`, '-mon', 'chardev=control,mode=control'],
      ['-smp', String(spec.cpus), '-m', String(spec.memoryMib)],
    ].flat(),
    devices: [
      ...network.map((option) => ['-set', `netdev.n0.${option}`]),
      ['-chardev', 'stdio,id=sos,signal=off'],
    ].flat(),
  }
}

/** The arguments of the disk. SCSI makes it /dev/sda. Blocks that the system discards are freed on this computer too. */
function diskArgs({ disk }: QemuFiles): string[] {
  if (disk === undefined) return []
  return [
    ['-drive', diskArgument + escapeValue(disk)],
    ['-device', 'virtio-scsi-pci,id=scsi0', '-device', 'scsi-hd,bus=scsi0.0,drive=d0,bootindex=1'],
  ].flat()
}

/** The firmware of an x86_64 machine: SeaBIOS and a file that contains `serconPort`, or UEFI's code and empty variables. */
export type X86Firmware = { sercon: string } | Uefi

/** The paths of UEFI's two files. */
export interface Uefi {
  code: string
  variables: string
}

function firmwareArgs(firmware: X86Firmware): string[] {
  if ('sercon' in firmware) return ['-fw_cfg', `name=etc/sercon-port,file=${escapeValue(firmware.sercon)}`]
  // Changes to the variables are discarded. UEFI's own network boot is off: after iPXE's it would only waste time.
  return [
    ['-drive', `if=pflash,format=raw,readonly=on,file=${escapeValue(firmware.code)}`],
    ['-drive', `if=pflash,format=raw,snapshot=on,file=${escapeValue(firmware.variables)}`],
    ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n'],
    ['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
  ].flat()
}

/**
 * The arguments for an x86_64 machine. Its serial console (ttyS1 as on most rented servers, or ttyS0) is the process's stdin and stdout.
 */
export function x86Args(
  spec: MachineSpec,
  accelerator: Accelerator,
  files: QemuFiles,
  firmware: X86Firmware,
): string[] {
  const { machine, devices } = commonArgs(spec, files)
  return [
    machine,
    ['-machine', 'q35', ...accelerator.args],
    // The card has iPXE in its ROM. IPv6 stays on: without an IPv6 answer iPXE would wait 15 s at each dhcp command.
    devices,
    // The network comes first, as on the rented servers: after a boot script that says `exit` the firmware tries the disk.
    ['-device', `virtio-net-pci,netdev=n0,mac=${escapeValue(spec.macs[0])},bootindex=0`],
    diskArgs(files),
    spec.tty === 'ttyS0' ? ['-serial', 'chardev:sos'] : ['-serial', 'null', '-serial', 'chardev:sos'],
    firmwareArgs(firmware),
  ].flat()
}

/** How an aarch64 machine starts: with a kernel that the lab fetched, or with firmware that boots from the disk. */
export type Arm64Start = { kernel: string; initrd: string | undefined; commandLine: string } | { firmware: string }

/**
 * The arguments for an aarch64 machine, whose serial port (ttyAMA0) is the process's stdin and stdout. A reset ends the process,
 * because the boot script decides how the machine starts next. QEMU waits for `cont` before it runs the machine.
 */
export function arm64Args(spec: MachineSpec, start: Arm64Start, files: QemuFiles): string[] {
  const { machine, devices } = commonArgs(spec, files)
  const begin =
    'firmware' in start
      ? ['-bios', start.firmware]
      : [
          // The kernel's command line may contain the boot URL, so it is set over the control socket before QEMU creates the machine.
          ['--preconfig', '-kernel', start.kernel],
          start.initrd === undefined ? [] : ['-initrd', start.initrd],
        ].flat()
  return [
    machine,
    ['-machine', 'virt', '-accel', 'tcg,thread=multi', '-cpu', 'cortex-a57', '-no-reboot', '-S'],
    devices,
    ['-device', `virtio-net-pci,netdev=n0,mac=${escapeValue(spec.macs[0])},romfile=`],
    diskArgs(files),
    ['-serial', 'chardev:sos'],
    begin,
  ].flat()
}
