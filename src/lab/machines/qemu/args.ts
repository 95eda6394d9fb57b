// A rented server as QEMU's command line: pure data in, arguments out.
import { isSea } from 'node:sea'

import type { Accelerator } from './accelerator.ts'
import type { MachineSpec, Passage } from '../driver.ts'

/** A value inside QEMU's `key=value,key=value`: a comma is written twice, nothing else has a meaning. */
export function escapeValue(text: string): string {
  return text.replaceAll(',', ',,')
}

/** The I/O port of the second serial port, two bytes, little endian: SeaBIOS mirrors its screen to the port that etc/sercon-port names. */
export const serconPort: Uint8Array = Uint8Array.of(0xf8, 0x02)

/** The longest boot URL that fits the file name of a DHCP answer, in bytes. */
export const maxBootUrlBytes = 127

/** The descriptor at which QEMU finds its control socket. */
export const qmpFd = 3

/** The descriptor of the first file that it is given. */
const firstFd = 4

/** The path at which QEMU finds a file that it is given, counted from 0. */
export function pathOfFile(index: number): string {
  return `/dev/fd/${firstFd + index}`
}

/** What a machine is made of besides what is asked for. */
export interface QemuFiles {
  /** Path of the disk; without one the machine has none. */
  disk?: string
  /** The lab's process, as nameProcess has it. */
  owner: string
  /** Folder of which QEMU's own TFTP gives the boot script, in place of the lab's. */
  tftp?: string
}

/** The name of a QEMU, by which a later lab knows whose it is. */
export function markOf(id: string, owner: string): string {
  return `metalkit-${id}@${owner.replace(' ', '.')}`
}

/** Reads a mark. */
export function parseMark(name: string): { id: string; owner: string } | undefined {
  const [, id, pid, start] = /^metalkit-([0-9a-f-]{36})@(\d+)(?:\.(\d+))?$/.exec(name) ?? []
  if (id === undefined || pid === undefined) return undefined
  return { id, owner: start === undefined ? pid : `${pid} ${start}` }
}

/** The argument that has a disk, up to its path. */
export const diskArgument = 'if=none,id=d0,format=raw,discard=unmap,file='

/**
 * QEMU's network closed but for passages. A forward may not have the address of QEMU itself, which therefore moves; what carries
 * a connection is a process each, since QEMU connects anew for none of its other kinds.
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
 * The part of the machine that QEMU reads from a file, since every local user sees its command line: the boot URL opens
 * all that the lab tells the machine. The rest of the network is set there, as the file's format takes a key only once.
 * @throws Error for a URL that the format cannot hold
 */
export function secretConfig({ bootUrl }: Pick<MachineSpec, 'bootUrl'>): string {
  if (/["\n]/.test(bootUrl)) throw new Error(`the boot URL ${JSON.stringify(bootUrl)} has a quote or a line's end`)
  return `[netdev "n0"]\n  type = "user"\n  bootfile = "${bootUrl}"\n`
}

/** What every machine has, whatever its processor: nothing by default, a name, a control socket, a network, a serial line. DHCP names the boot script. */
function commonArgs(spec: MachineSpec, { owner, tftp }: QemuFiles): { machine: string[]; devices: string[] } {
  const network = [
    `hostname=${spec.hostname}`,
    ...(tftp === undefined ? [] : [`tftp=${tftp}`]),
    ...(spec.passages === undefined ? [] : isolate(spec.passages)),
  ]
  return {
    machine: [
      ['-no-user-config', '-nodefaults', '-display', 'none'],
      ['-name', escapeValue(markOf(spec.id, owner)), '-uuid', spec.id],
      ['-chardev', `socket,id=control,fd=${qmpFd}`, '-mon', 'chardev=control,mode=control'],
      ['-smp', String(spec.cpus), '-m', String(spec.memoryMib)],
    ].flat(),
    devices: [
      ...network.map((option) => ['-set', `netdev.n0.${option}`]),
      ['-chardev', 'stdio,id=sos,signal=off'],
    ].flat(),
  }
}

/** SCSI makes it /dev/sda. A system that frees blocks frees them on this computer too. */
function diskArgs({ disk }: QemuFiles): string[] {
  if (disk === undefined) return []
  return [
    ['-drive', diskArgument + escapeValue(disk)],
    ['-device', 'virtio-scsi-pci,id=scsi0', '-device', 'scsi-hd,bus=scsi0.0,drive=d0,bootindex=1'],
  ].flat()
}

/** What an x86_64 machine starts with: SeaBIOS and a file that holds `serconPort`, or UEFI's code and empty variables. */
export type X86Firmware = { sercon: string } | Uefi

/** The two files of UEFI firmware, as paths. */
export interface Uefi {
  code: string
  variables: string
}

function firmwareArgs(firmware: X86Firmware): string[] {
  if ('sercon' in firmware) return ['-fw_cfg', `name=etc/sercon-port,file=${escapeValue(firmware.sercon)}`]
  // What it writes to its variables goes nowhere. Its own network boot, after iPXE's, would only take time.
  return [
    ['-drive', `if=pflash,format=raw,readonly=on,file=${escapeValue(firmware.code)}`],
    ['-drive', `if=pflash,format=raw,snapshot=on,file=${escapeValue(firmware.variables)}`],
    ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n'],
    ['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
  ].flat()
}

/**
 * The arguments for an x86_64 machine. Its second serial port (ttyS1, as on the rented servers) is the process's stdin and stdout.
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
    // The card brings iPXE in its ROM. IPv6 stays on: without an answer there iPXE waits 15 s for one each time it says dhcp.
    devices,
    // First the network, as on the rented servers: a boot script that says `exit` makes the firmware go on to the disk.
    ['-device', `virtio-net-pci,netdev=n0,mac=${escapeValue(spec.mac)},bootindex=0`],
    diskArgs(files),
    ['-serial', 'null', '-serial', 'chardev:sos'],
    firmwareArgs(firmware),
  ].flat()
}

/** What an aarch64 machine starts with: a kernel that was fetched for it, or firmware that boots from the disk. */
export type Arm64Start = { kernel: string; initrd: string | undefined; commandLine: string } | { firmware: string }

/**
 * The arguments for an aarch64 machine, whose serial port (ttyAMA0) is the process's stdin and stdout. A reset ends the process,
 * since the next start is the boot script's to decide. It waits for `cont` before it runs.
 */
export function arm64Args(spec: MachineSpec, start: Arm64Start, files: QemuFiles): string[] {
  const { machine, devices } = commonArgs(spec, files)
  const begin =
    'firmware' in start
      ? ['-bios', start.firmware]
      : [
          // The command line may have the boot URL: it is set once QEMU runs, before the machine is made.
          ['--preconfig', '-kernel', start.kernel],
          start.initrd === undefined ? [] : ['-initrd', start.initrd],
        ].flat()
  return [
    machine,
    ['-machine', 'virt', '-accel', 'tcg,thread=multi', '-cpu', 'cortex-a57', '-no-reboot', '-S'],
    devices,
    ['-device', `virtio-net-pci,netdev=n0,mac=${escapeValue(spec.mac)},romfile=`],
    diskArgs(files),
    ['-serial', 'chardev:sos'],
    begin,
  ].flat()
}
