// An aarch64 machine of QEMU. Debian has no iPXE for it, so the lab follows the boot script itself, over HTTP, prints what iPXE would,
// and starts QEMU with what that leads to; a script that says `exit` goes on to the disk by UEFI firmware.
import { LabError, messageOf } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { parseZboot } from '../../../kernel-format.ts'
import type { MachineSpec, PoweredMachine, PowerLoss } from '../driver.ts'
import { FetchedFiles } from '../ipxe/fetched-files.ts'
import { findInitrds } from '../ipxe/initrds.ts'
import { type BootOutcome, runIpxe } from '../ipxe/interpreter.ts'
import { arm64Args, type Arm64Start, pathOfFile, type QemuFiles, secretConfig } from './args.ts'
import { forwardPort } from './forward.ts'
import type { Qmp } from './qmp.ts'
import { lossOf, type QemuExit, type QemuProcess, startQemu } from './process.ts'
import { describeStop } from './stop.ts'
import { SerialLine } from '../serial-line.ts'
import { stay } from '../stay.ts'

/** QEMU for these machines. */
export const arm64Program = 'qemu-system-aarch64'

/** Silence after which a machine that has not run its boot script stands still, in milliseconds. */
const stillAfterMs = 180_000

/** What such a machine needs of this computer. */
export interface Arm64Parts {
  files: QemuFiles
  /** Path of UEFI firmware; without it nothing boots from the disk. */
  firmware: string | undefined
  hint: string
  report: Reporter
}

/** What QEMU is to start with, and the descriptors for that; undefined where there is nothing to start. */
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

/** Fulfilled once QEMU has read the files. The kernel's command line is given here, where no other user reads it. */
async function readKernel(qmp: Qmp, start: Arm64Start): Promise<void> {
  await qmp.ready
  if (!('kernel' in start)) return
  await qmp.execute('qom-set', { path: '/machine', property: 'append', value: start.commandLine })
  await qmp.execute('x-exit-preconfig')
}

/** A machine that is on, through any number of resets. */
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

  /** From power on to power off. Rejects where the plug is pulled. */
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
    const known = this.#forwards.get(guestPort) ?? hostPort
    if (this.#process === undefined && known === 0) {
      throw new LabError('the machine has not started a system yet', { hint: 'try again when it has' })
    }
    // One that is known is tried when QEMU starts.
    const found = this.#process === undefined ? known : await forwardPort(this.#process.qmp, guestPort, known)
    this.#forwards.set(guestPort, found)
    return found
  }

  async #runOnce(signal: AbortSignal): Promise<QemuExit> {
    const { firmware, hint, report } = this.#parts
    const spec = this.#spec
    const print = (text: string) => this.serial.print(text)
    await using files = new FetchedFiles(spec.memoryMib * 2 ** 20, spec.passages)
    print(`\niPXE, followed by metalkit lab (HTTP Image Script), ${spec.cpus} CPU, ${spec.memoryMib} MiB\n`)
    print(`Configuring (net0 ${spec.mac})...... ok\nnet0: 10.0.2.15/255.255.255.0 gw 10.0.2.2\n`)
    print(`Filename: ${spec.bootUrl}\n`)
    const outcome = await runIpxe(
      spec.bootUrl,
      { ...spec, print, download: (...what) => files.download(...what) },
      signal,
    )
    if (outcome.kind === 'failed') print(`Could not boot image: ${outcome.error}\n`)
    const chosen = outcome.kind === 'shell' ? undefined : await chooseStart(outcome, files, firmware)
    if (outcome.kind !== 'boot' && outcome.kind !== 'shell') {
      print('No more network devices\n\nBooting from the disk...\n')
      if (chosen === undefined) print('No bootable device.\n')
    }
    if (chosen === undefined) return await stay(signal)
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
    // By then it has read the files, and can tell of a reset. One that ends before says why by its exit.
    await readKernel(qemu.qmp, chosen.start).catch((error: unknown) => report.debug(messageOf(error)))
    await files[Symbol.asyncDispose]()
    for (const [guestPort, hostPort] of this.#forwards) {
      await forwardPort(qemu.qmp, guestPort, hostPort).catch(() => this.#forwards.delete(guestPort))
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

/** Switches one on; what goes wrong from then on is how it went off. */
export function powerOnArm64(spec: MachineSpec, parts: Arm64Parts): PoweredMachine {
  const machine = new Arm64Machine(spec, parts)
  const plug = new AbortController()
  let still: string | undefined
  const off = machine
    .run(plug.signal)
    .then(lossOf, (error: unknown): PowerLoss => {
      if (plug.signal.aborted) return { reason: 'switched-off' }
      return { reason: 'failed', detail: messageOf(error) }
    })
    .then((loss): PowerLoss => (still === undefined ? loss : { reason: 'failed', detail: still }))
    .then((loss) => {
      machine.serial.hangUp()
      return loss
    })
  return {
    serial: machine.serial,
    sendBreak: () => machine.sendBreak(),
    off,
    stillAfterMs,
    standsStill(why) {
      still = why
      plug.abort()
    },
    forward: (guestPort, hostPort) => machine.forward(guestPort, hostPort),
    async [Symbol.asyncDispose]() {
      plug.abort()
      await off
    },
  }
}
