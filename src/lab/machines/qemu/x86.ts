// An x86_64 machine of QEMU: BIOS or UEFI, the iPXE of its network card, and what that boots.
import { messageOf } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { type Accelerator, tcg } from './accelerator.ts'
import type { MachineSpec, PoweredMachine, PowerLoss } from '../driver.ts'
import { openNameless } from '../ipxe/nameless-file.ts'
import { pathOfFile, type QemuFiles, secretConfig, serconPort, type Uefi, x86Args } from './args.ts'
import { forwardPort } from './forward.ts'
import { x86Program } from './look.ts'
import { lossOf, type QemuExit, type QemuProcess, startQemu } from './process.ts'
import { describeStop, type MachineStop } from './stop.ts'
import { SerialLine } from '../serial-line.ts'

/** What such a machine needs of this computer. */
export interface X86Parts {
  files: QemuFiles
  uefi: Uefi | undefined
  hint: string
  report: Reporter
  /** What runs machines now. */
  accelerator: () => Accelerator
  /** The accelerator stopped a machine: another takes its place from now on. @returns false if there is no other */
  replaceAccelerator: (failed: Accelerator, why: string) => boolean
  /** The machine is started anew, as if its plug had been pulled for a moment. */
  onRestart: () => void
  /** Silence after which an accelerated machine stands still, in milliseconds. */
  stillMs?: number | undefined
}

/** Silence after which a machine that has not run its boot script stands still, in milliseconds: translated ones are slow. */
const stillAfterMs = { accelerated: 20_000, translated: 180_000 } as const

/** States that come from the machine itself, so that another accelerator would not help. */
const ownStates: ReadonlySet<string> = new Set(['io-error', 'guest-panicked', 'watchdog'])

/** A machine that shows no sign of life, and what that looks like. */
interface StandsStill {
  still: string
}

/** A machine that is on, through restarts with another accelerator. */
class X86Machine {
  readonly serial = new SerialLine()
  readonly #spec: MachineSpec
  readonly #parts: X86Parts
  readonly #forwards = new Map<number, number>()
  #accelerator: Accelerator
  #qemu: QemuProcess | undefined
  #isUnplugged = false
  #onStill: ((why: string) => void) | undefined

  constructor(spec: MachineSpec, parts: X86Parts) {
    this.#spec = spec
    this.#parts = parts
    this.#accelerator = parts.accelerator()
  }

  get stillAfterMs(): number {
    return this.#accelerator === tcg ? stillAfterMs.translated : (this.#parts.stillMs ?? stillAfterMs.accelerated)
  }

  /** Starts QEMU. @throws LabError if it does not start */
  async start(): Promise<void> {
    const { files, uefi, hint, report } = this.#parts
    await using sercon = await openNameless()
    await sercon.writeFile(serconPort)
    const args = x86Args(this.#spec, this.#accelerator, files, uefi ?? { sercon: pathOfFile(0) })
    this.#qemu = await startQemu(
      { program: x86Program, args, fds: [sercon.fd], config: secretConfig(this.#spec), hint },
      this.serial,
      report,
    )
    if (this.#isUnplugged) this.#qemu.kill()
  }

  /** From the start to the end. */
  async run(): Promise<PowerLoss> {
    for (;;) {
      const qemu = this.#qemu
      if (qemu === undefined) throw new Error('a machine that was not started')
      const isStill = new Promise<StandsStill>((resolve) => {
        this.#onStill = (still) => resolve({ still })
      })
      const end = await Promise.race([qemu.exit, qemu.stopped, isStill])
      if (!('reason' in end)) {
        qemu.kill()
        await qemu.exit
      }
      if (this.#isUnplugged) return { reason: 'switched-off' }
      const failure = failureOf(end)
      if (failure === undefined) return 'reason' in end ? lossOf(end) : { reason: 'switched-off' }
      if (!failure.mayHelp || !this.#parts.replaceAccelerator(this.#accelerator, failure.detail)) {
        return { reason: 'failed', detail: failure.detail }
      }
      this.#accelerator = this.#parts.accelerator()
      this.#parts.onRestart()
      await this.start()
      for (const [guestPort, hostPort] of this.#forwards) {
        await this.forward(guestPort, hostPort).catch(() => this.#forwards.delete(guestPort))
      }
    }
  }

  /** The machine shows no sign of life. */
  standsStill(why: string): void {
    this.#onStill?.(why)
  }

  sendBreak(): void {
    this.#qemu?.sendBreak()
  }

  async forward(guestPort: number, hostPort: number): Promise<number> {
    if (this.#qemu === undefined) throw new Error('a machine that was not started')
    const found = await forwardPort(this.#qemu.qmp, guestPort, hostPort)
    this.#forwards.set(guestPort, found)
    return found
  }

  unplug(): void {
    this.#isUnplugged = true
    this.#qemu?.kill()
  }
}

/** Why a machine did not go on, and whether another accelerator may help; undefined where it went off by itself. */
function failureOf(end: StandsStill | MachineStop | QemuExit): { detail: string; mayHelp: boolean } | undefined {
  if ('still' in end) return { detail: end.still, mayHelp: true }
  if ('state' in end) return { detail: describeStop(end), mayHelp: !ownStates.has(end.state) }
  return end.reason === 'failed' ? { detail: end.detail, mayHelp: end.crashed } : undefined
}

/** Switches one on. @throws LabError where QEMU cannot be started */
export async function powerOnX86(spec: MachineSpec, parts: X86Parts): Promise<PoweredMachine> {
  const machine = new X86Machine(spec, parts)
  await machine.start()
  const off = machine
    .run()
    .catch((error: unknown): PowerLoss => ({ reason: 'failed', detail: messageOf(error) }))
    .then((loss) => {
      machine.serial.hangUp()
      return loss
    })
  return {
    serial: machine.serial,
    off,
    get stillAfterMs() {
      return machine.stillAfterMs
    },
    standsStill: (why) => machine.standsStill(why),
    sendBreak: () => machine.sendBreak(),
    forward: (guestPort, hostPort) => machine.forward(guestPort, hostPort),
    async [Symbol.asyncDispose]() {
      machine.unplug()
      await off
    },
  }
}
