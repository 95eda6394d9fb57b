// A machine of the rack that is on: its console, a watch that notices when it goes off, and the steps of its network boot.
import type { Duplex } from 'node:stream'
import type { Clock } from '../../clock.ts'
import type { MachineSpec, PoweredMachine, PowerHooks, PowerLoss } from '../../lab/machines/driver.ts'
import type { PowerState } from '../power/power.ts'

/** The serial console of a machine, as the driver uses it: `line` never ends while the console lives. */
export interface OpenedConsole extends AsyncDisposable {
  line: Duplex
  sendBreak?(): void
}

/** The parts of a machine that is on. */
export interface PoweredParts {
  console: OpenedConsole
  /** Asks for its state. */
  status: (signal: AbortSignal) => Promise<PowerState>
  /** Cuts its power; returns once it was seen off. */
  switchOff: (waiting: AbortSignal | undefined) => Promise<void>
  /** Restarts it as its description says; returns once it was seen on. Absent if its power cannot do that. */
  reset?: ((spec: MachineSpec, hooks: PowerHooks | undefined) => Promise<void>) | undefined
  /** Gives up its network boot, and whatever else ends with this server. */
  leave: () => void
  explainStop: () => string
  clock: Clock
  pollMs: number
}

/** A machine that is seen off must still be off after this time: some servers are off for a moment when they restart. */
const secondLookMs = 2000
/** The same for this time after a reset, which on some servers is off and on. */
const resettingMs = 60_000
const secondLookAtResetMs = 30_000

/** A machine that is on, until it goes off, is switched off, or is left alone. */
export class RackedMachine implements PoweredMachine {
  readonly serial: Duplex
  readonly sendBreak?: () => void
  readonly off: Promise<PowerLoss>
  readonly explainStop: () => string
  readonly #parts: PoweredParts
  readonly #ended = new AbortController()
  readonly reset?: (spec: MachineSpec, hooks?: PowerHooks) => Promise<void>
  #isResetting = false
  #resetMs = Number.NEGATIVE_INFINITY
  #goOff: (loss: PowerLoss) => void = () => {}

  constructor(parts: PoweredParts) {
    this.#parts = parts
    const { console } = parts
    this.serial = console.line
    if (console.sendBreak !== undefined) this.sendBreak = () => console.sendBreak?.()
    this.explainStop = parts.explainStop
    if (parts.reset !== undefined) this.reset = (spec, hooks) => this.#reset(spec, hooks)
    this.off = new Promise((resolve) => {
      this.#goOff = resolve
    })
    void this.#watch()
  }

  /** Polls the state. A BMC that does not answer proves nothing: only a machine that is seen off is off. */
  async #watch(): Promise<void> {
    const { clock, pollMs, status } = this.#parts
    const { signal } = this.#ended
    const isOff = async () => {
      try {
        return !this.#isResetting && (await status(signal)) === 'off'
      } catch {
        return false
      }
    }
    try {
      for (;;) {
        await clock.sleep(pollMs, signal)
        if (!(await isOff())) continue
        const wasReset = clock.monotonicMs() - this.#resetMs < resettingMs
        await clock.sleep(wasReset ? secondLookAtResetMs : Math.min(secondLookMs, pollMs), signal)
        if (await isOff()) break
      }
    } catch {
      return
    }
    if (signal.aborted) return
    await this.#end()
    this.#goOff({ reason: 'poweroff' })
  }

  /** Meanwhile it may be off without having gone off. */
  async #reset(spec: MachineSpec, hooks: PowerHooks | undefined): Promise<void> {
    this.#isResetting = true
    try {
      await this.#parts.reset?.(spec, hooks)
    } finally {
      this.#resetMs = this.#parts.clock.monotonicMs()
      this.#isResetting = false
    }
  }

  async #end(): Promise<void> {
    this.#ended.abort()
    this.#parts.leave()
    await this.#parts.console[Symbol.asyncDispose]()
  }

  /** Gives the machine up: it stays on, and a later server finds it again. */
  async detach(): Promise<void> {
    await this.#end()
  }

  /** Cuts the power. If that fails, the machine is kept as it is, so that it can be tried again. */
  async [Symbol.asyncDispose](signal?: AbortSignal): Promise<void> {
    await this.#parts.switchOff(signal)
    await this.#end()
    this.#goOff({ reason: 'switched-off' })
  }
}
