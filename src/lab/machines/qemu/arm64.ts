// An aarch64 machine of QEMU. Debian has no iPXE for it, so the lab interprets the boot script itself, prints iPXE's output,
// and starts QEMU with the resulting kernel. After a script that says `exit`, UEFI firmware boots from the disk.
import { LabError, messageOf } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { parseZboot } from '../../../kernel-format.ts'
import type { MachineSpec, PoweredMachine, PowerLoss } from '../driver.ts'
import { FetchedFiles, findInitrds } from '../ipxe/fetched-files.ts'
import { type BootOutcome, runIpxe } from '../ipxe/interpreter.ts'
import { arm64Args, type Arm64Start, pathOfFile, type QemuFiles, secretConfig } from './args.ts'
import { forwardGuestPort } from './forward.ts'
import type { Qmp } from './qmp.ts'
import { arm64Program } from './look.ts'
import { lossOf, type QemuExit, type QemuProcess, startQemu } from './process.ts'
import { describeStop } from './stop-watch.ts'
import { SerialLine } from '../serial-line.ts'
import { untilAborted } from '../../../deadline.ts'

/** Silence, in milliseconds, after which a machine that has not run its boot script yet has stalled. */
const stallMs = 180_000

/** The parts of this computer that an aarch64 machine needs. */
export interface Arm64Parts {
  files: QemuFiles
  /** Path of UEFI firmware; without it the machine cannot boot from the disk. */
  firmware: string | undefined
  hint: string
  report: Reporter
}

/** Chooses how QEMU starts, and the descriptors for that; undefined if there is nothing to start. */
async function chooseStart(
  outcome: BootOutcome,
  files: FetchedFiles,
  firmware: string | undefined,
): Promise<{ start: Arm64Start; fds: number[] } | undefined> {
  if (outcome.kind !== 'boot') return firmware === undefined ? undefined : { start: { firmware }, fds: [] }
  const { commandLine, fd = -1, head } = outcome.kernel
  const zboot = parseZboot(head)
  const kernel = zboot === undefined ? fd : await files.unpack(fd, zboot)
  const initrd = await files.join(findInitrds('aarch64', commandLine, outcome.initrds))
  return {
    start: { kernel: pathOfFile(0), initrd: initrd === undefined ? undefined : pathOfFile(1), commandLine },
    fds: initrd === undefined ? [kernel] : [kernel, initrd],
  }
}

/** Waits until QEMU has read the files. Sets the kernel's command line over the control socket, where no other user can read it. */
async function readKernel(qmp: Qmp, start: Arm64Start): Promise<void> {
  await qmp.ready
  if (!('kernel' in start)) return
  await qmp.execute('qom-set', { path: '/machine', property: 'append', value: start.commandLine })
  await qmp.execute('x-exit-preconfig')
}

/** A running machine, through any number of resets. */
class Arm64Machine {
  readonly serial = new SerialLine()
  readonly #spec: MachineSpec
  readonly #parts: Arm64Parts
  readonly #forwards = new Map<number, number>()
  #process: QemuProcess | undefined

  constructor(spec: MachineSpec, parts: Arm64Parts) {
    this.#spec = spec
    this.#parts = parts
  }

  /** Runs the machine from power on to power off. Rejects if the plug is pulled. */
  async run(signal: AbortSignal): Promise<QemuExit> {
    signal.addEventListener('abort', () => this.#process?.kill())
    for (;;) {
      const exit = await this.#runOnce(signal)
      if (exit.reason !== 'reset') return exit
    }
  }

  sendBreak(): void {
    this.#process?.sendBreak()
  }

  async forward(guestPort: number, hostPort: number): Promise<number> {
    const chosenPort = this.#forwards.get(guestPort) ?? hostPort
    if (this.#process === undefined && chosenPort === 0) {
      throw new LabError('the machine has not started a system yet', { hint: 'try again once it has' })
    }
    // Without a process the port is only noted; it is forwarded when QEMU starts.
    const localPort =
      this.#process === undefined ? chosenPort : await forwardGuestPort(this.#process.qmp, guestPort, chosenPort)
    this.#forwards.set(guestPort, localPort)
    return localPort
  }

  async #runOnce(signal: AbortSignal): Promise<QemuExit> {
    const { firmware, hint, report } = this.#parts
    const spec = this.#spec
    const print = (text: string) => this.serial.print(text)
    await using files = new FetchedFiles(spec.memoryMib * 2 ** 20, spec.passages)
    print(`\niPXE, followed by metalkit lab (HTTP Image Script), ${spec.cpus} CPU, ${spec.memoryMib} MiB\n`)
    print(`Configuring (net0 ${spec.macs[0]})...... ok\nnet0: 10.0.2.15/255.255.255.0 gw 10.0.2.2\n`)
    print(`Filename: ${spec.bootUrl}\n`)
    const outcome = await runIpxe(
      spec.bootUrl,
      { ...spec, mac: spec.macs[0], print, download: (...what) => files.download(...what) },
      signal,
    )
    if (outcome.kind === 'failed') print(`Could not boot image: ${outcome.error}\n`)
    const chosen = outcome.kind === 'shell' ? undefined : await chooseStart(outcome, files, firmware)
    if (outcome.kind !== 'boot' && outcome.kind !== 'shell') {
      print('No more network devices\n\nBooting from the disk...\n')
      if (chosen === undefined) print('No bootable device.\n')
    }
    if (chosen === undefined) return await untilAborted(signal)
    const command = {
      program: arm64Program,
      args: arm64Args(spec, chosen.start, this.#parts.files),
      fds: chosen.fds,
      config: secretConfig(spec),
      hint,
    }
    const qemu = await startQemu(command, this.serial, report)
    this.#process = qemu
    if (signal.aborted) qemu.kill()
    // Once QEMU has read the files it can report a reset. If it ends earlier, its exit says why.
    await readKernel(qemu.qmp, chosen.start).catch((error: unknown) => report.debug(messageOf(error)))
    await files[Symbol.asyncDispose]()
    for (const [guestPort, hostPort] of this.#forwards) {
      await forwardGuestPort(qemu.qmp, guestPort, hostPort).catch(() => this.#forwards.delete(guestPort))
    }
    await qemu.qmp.execute('cont').catch(() => {})
    const end = await Promise.race([qemu.exit, qemu.stopped])
    if ('state' in end) {
      qemu.kill()
      await qemu.exit
    }
    this.#process = undefined
    if (!('state' in end)) return end
    signal.throwIfAborted()
    throw new LabError(describeStop(end))
  }
}

/** Switches a machine on; a later failure becomes the reason why it went off. */
export function powerOnArm64(spec: MachineSpec, parts: Arm64Parts): PoweredMachine {
  const machine = new Arm64Machine(spec, parts)
  const plug = new AbortController()
  let stall: string | undefined
  const off = machine
    .run(plug.signal)
    .then(lossOf, (error: unknown): PowerLoss => {
      if (plug.signal.aborted) return { reason: 'switched-off' }
      return { reason: 'failed', detail: messageOf(error) }
    })
    .then((loss): PowerLoss => (stall === undefined ? loss : { reason: 'failed', detail: stall }))
    .then((loss) => {
      machine.serial.hangUp()
      return loss
    })
  return {
    serial: machine.serial,
    sendBreak: () => machine.sendBreak(),
    off,
    stallMs,
    stalled(why) {
      stall = why
      plug.abort()
    },
    forward: (guestPort, hostPort) => machine.forward(guestPort, hostPort),
    async [Symbol.asyncDispose]() {
      plug.abort()
      await off
    },
  }
}
