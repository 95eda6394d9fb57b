// An x86_64 machine of QEMU: BIOS or UEFI, the iPXE of its network card, and the system that iPXE boots.
import { messageOf } from '../../../errors.ts'
import type { Reporter } from '../../../io.ts'
import { type Accelerator, tcg } from './accelerator.ts'
import type { MachineSpec, PoweredMachine, PowerLoss } from '../driver.ts'
import { storeNameless } from '../ipxe/nameless-file.ts'
import { pathOfFile, type QemuFiles, secretConfig, serconPort, type Uefi, x86Args } from './args.ts'
import { forwardGuestPort } from './forward.ts'
import { x86Program } from './look.ts'
import { lossOf, type QemuExit, type QemuProcess, startQemu } from './process.ts'
import { describeStop, type MachineStop } from './stop-watch.ts'
import { SerialLine } from '../serial-line.ts'

/** The parts of this computer that an x86_64 machine needs. */
export interface X86Parts {
  files: QemuFiles
  uefi: Uefi | undefined
  hint: string
  report: Reporter
  /** The current accelerator. */
  accelerator: () => Accelerator
  /** Replaces an accelerator that stopped a machine. @returns false if there is no other */
  replaceAccelerator: (failed: Accelerator, why: string) => boolean
  /** Called when the machine is restarted, as if its plug had been pulled for a moment. */
  onRestart: () => void
  /** Silence, in milliseconds, after which an accelerated machine has stalled. */
  stallMs?: number | undefined
}

/** Silence, in milliseconds, after which a machine that has not run its boot script yet has stalled; translated machines are slow. */
const stallMs = { accelerated: 20_000, translated: 180_000 } as const

/** States that the machine itself causes, so another accelerator would not help. */
const ownStates: ReadonlySet<string> = new Set(['io-error', 'guest-panicked', 'watchdog'])

/** A stall, with its description. */
interface Stall {
  stall: string
}

/** A running machine, through restarts with another accelerator. */
class X86Machine {
  readonly serial = new SerialLine()
  readonly #spec: MachineSpec
  readonly #parts: X86Parts
  readonly #forwards = new Map<number, number>()
  #accelerator: Accelerator
  #qemu: QemuProcess | undefined
  #isUnplugged = false
  #onStall: ((why: string) => void) | undefined

  constructor(spec: MachineSpec, parts: X86Parts) {
    this.#spec = spec
    this.#parts = parts
    this.#accelerator = parts.accelerator()
  }

  get stallMs(): number {
    return this.#accelerator === tcg ? stallMs.translated : (this.#parts.stallMs ?? stallMs.accelerated)
  }

  /** Starts QEMU. @throws LabError if it does not start */
  async start(): Promise<void> {
    const { files, uefi, hint, report } = this.#parts
    using sercon = storeNameless(serconPort(this.#spec))
    const args = x86Args(this.#spec, this.#accelerator, files, uefi ?? { sercon: pathOfFile(0) })
    this.#qemu = await startQemu(
      { program: x86Program, args, fds: [sercon.fd], config: secretConfig(this.#spec), hint },
      this.serial,
      report,
    )
    if (this.#isUnplugged) this.#qemu.kill()
  }

  /** Runs the machine until it is off. */
  async run(): Promise<PowerLoss> {
    for (;;) {
      const qemu = this.#qemu
      if (qemu === undefined) throw new Error('the machine has not been started')
      const stall = new Promise<Stall>((resolve) => {
        this.#onStall = (why) => resolve({ stall: why })
      })
      const end = await Promise.race([qemu.exit, qemu.stopped, stall])
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

  /** Reports that the machine has stalled. */
  stalled(why: string): void {
    this.#onStall?.(why)
  }

  sendBreak(): void {
    this.#qemu?.sendBreak()
  }

  async forward(guestPort: number, hostPort: number): Promise<number> {
    if (this.#qemu === undefined) throw new Error('the machine has not been started')
    const localPort = await forwardGuestPort(this.#qemu.qmp, guestPort, hostPort)
    this.#forwards.set(guestPort, localPort)
    return localPort
  }

  unplug(): void {
    this.#isUnplugged = true
    this.#qemu?.kill()
  }
}

/** Why a machine could not continue, and whether another accelerator may help; undefined if it went off by itself. */
function failureOf(end: Stall | MachineStop | QemuExit): { detail: string; mayHelp: boolean } | undefined {
  if ('stall' in end) return { detail: end.stall, mayHelp: true }
  if ('state' in end) return { detail: describeStop(end), mayHelp: !ownStates.has(end.state) }
  return end.reason === 'failed' ? { detail: end.detail, mayHelp: end.crashed } : undefined
}

/** Switches a machine on. @throws LabError if QEMU does not start */
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
    get stallMs() {
      return machine.stallMs
    },
    stalled: (why) => machine.stalled(why),
    sendBreak: () => machine.sendBreak(),
    forward: (guestPort, hostPort) => machine.forward(guestPort, hostPort),
    async [Symbol.asyncDispose]() {
      machine.unplug()
      await off
    },
  }
}
