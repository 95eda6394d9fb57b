// Wipes: before a machine that was given back is free, it boots the script that empties it. It was emptied only if it reports so with
// the key of its script, and is seen to be off after that. Each stage is on disk before the next begins.
import type { Clock } from '../../clock.ts'
import { settleBefore } from '../../deadline.ts'
import { messageOf, RackError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { formatDuration } from '../../text/duration.ts'
import type { RackMachine } from '../file/rack-file.ts'
import type { PowerState } from '../power/power.ts'
import type { NetworkBoots } from './network-boots.ts'
import { ConsoleTail } from './console-tail.ts'
import type { Holds } from './holds.ts'
import { isByHand, type People } from './people.ts'
import type { OpenedConsole } from './powered.ts'
import type { RackState, WipeRecord } from './rack-state.ts'
import type { Switches } from './switches.ts'
import { isBeforeReport, stagesBeforeReport, WipeBook, type WipeStage } from './wipe-book.ts'

/** The parts of wipes. */
export interface WipeParts {
  machines: readonly RackMachine[]
  state: RackState
  switches: Switches
  boots: NetworkBoots
  holds: Holds
  people: People
  openConsole: (machine: RackMachine, signal: AbortSignal) => Promise<OpenedConsole>
  /** The origin of URLs for machines. */
  origin: string
  report: Reporter
  clock: Clock
  /** The end of the server. */
  signal: AbortSignal
  pollMs?: number
}

const retryMs = 5000
/** How long a release waits for the machine to be off. */
const releaseMs = 5000

/** The wipes of a rack's machines. */
export class Wipes {
  readonly book: WipeBook
  readonly #parts: WipeParts
  /** Why a wipe does not go on for now. */
  readonly #troubles = new Map<string, string>()
  /** The power of machines with a wipe when they were last asked. */
  readonly #seen = new Map<string, PowerState>()
  /** The machines that this server has seen on for their wipe. */
  readonly #followed = new Set<string>()
  readonly #working = new Map<string, Promise<void>>()
  /** Ends the pause of the work on a machine. */
  readonly #wakers = new Map<string, AbortController>()

  constructor(parts: WipeParts) {
    this.#parts = parts
    this.book = new WipeBook({ ...parts, onChange: (name) => this.#wakers.get(name)?.abort() })
  }

  /** Goes on with what an earlier server left unfinished. */
  resume(): void {
    for (const machine of this.#parts.machines) {
      if (!machine.inUse && this.book.of(machine.name) !== undefined) this.#work(machine)
    }
  }

  /** Takes a machine over from a device. It was seen to be off, and is held until it is empty. */
  async take(machine: RackMachine, device: string): Promise<void> {
    // A device that was deleted twice gives its machine back once.
    if (this.#parts.state.of(machine.name).holder !== device) return
    await this.book.open(machine, device)
    this.#work(machine)
  }

  /** The stage of a machine's wipe. */
  stageOf(name: string): WipeStage | undefined {
    return this.book.of(name)?.stage
  }

  /** Why no device may have a machine because of its wipe. */
  whyUnusable(name: string): string | undefined {
    const why = this.book.whyUnusable(name)
    const trouble = this.#troubles.get(name)
    return why === undefined || trouble === undefined ? why : `${why}; ${trouble}`
  }

  /** The power of a machine that has a wipe. */
  lastSeen(name: string): PowerState | undefined {
    return this.book.of(name) === undefined ? undefined : (this.#seen.get(name) ?? 'unknown')
  }

  /** Starts the work on a machine's wipe, unless it is being worked on. */
  #work(machine: RackMachine): void {
    const { name } = machine
    if (this.#working.has(name)) return
    const work = this.#run(machine).finally(() => this.#working.delete(name))
    this.#working.set(name, work)
  }

  /** Goes from stage to stage until the machine is free, or set aside and off. */
  async #run(machine: RackMachine): Promise<void> {
    const { report, signal } = this.#parts
    const { name } = machine
    while (!signal.aborted) {
      const wipe = this.book.of(name)
      if (wipe === undefined) return
      try {
        await this.#step(machine, wipe)
        this.#troubles.delete(name)
        if (wipe.stage === 'failed' && this.stageOf(name) === 'failed') return
      } catch (error) {
        if (signal.aborted) return
        const why = messageOf(error)
        if (this.#troubles.get(name) !== why) report.warn(`rack: the wipe of ${name} waits: ${why}`)
        this.#troubles.set(name, why)
        await this.#pause(name, retryMs)
      }
    }
  }

  /** Waits for some time, or until the stage changes, or the server ends. */
  async #pause(name: string, ms: number): Promise<void> {
    const { clock, signal } = this.#parts
    const waker = new AbortController()
    this.#wakers.set(name, waker)
    await clock.sleep(ms, AbortSignal.any([signal, waker.signal])).catch(() => {})
  }

  async #step(machine: RackMachine, wipe: WipeRecord): Promise<void> {
    const { switches, holds, signal } = this.#parts
    await switches.of(machine).claim?.(wipe.device, signal)
    if (wipe.stage === 'due') await this.#start(machine, wipe)
    if (isBeforeReport(wipe.stage)) return await this.#watch(machine)
    await this.#putOff(machine)
    if (wipe.stage !== 'failed') await holds.end(machine, wipe.device, signal)
  }

  /** Boots the script. Until the machine has that, a server that starts again begins anew: the machine may have found no server. */
  async #start(machine: RackMachine, wipe: WipeRecord): Promise<void> {
    const { switches, signal, clock } = this.#parts
    const { name, wipe: settings } = machine
    if (settings === undefined) {
      return await this.#fail(machine, 'it was to be wiped, but the rack file no longer says how')
    }
    // If its file is missing, that is better known before the machine is on.
    await this.book.scriptOf(machine, wipe)
    await this.#putOff(machine)
    this.#arm(machine, wipe)
    await switches.of(machine).bootFromNetworkOnce(signal)
    await switches.on(machine, signal)
    this.#followed.add(name)
    this.#seen.set(name, 'on')
    await this.book.advance(machine, stagesBeforeReport, { endMs: clock.now() + settings.timeoutMs })
  }

  /** Each network boot gets the script: a machine that restarts must not boot its disk because of this rack. */
  #arm(machine: RackMachine, wipe: WipeRecord): void {
    const { boots, report } = this.#parts
    const onStep = (text: string) => report.detail(`rack: wipe of ${text}`)
    boots.arm(machine, { script: this.book.scriptUrl(wipe), isOnce: false, onStep })
  }

  /** Waits for the report. A machine that goes off without one may have crashed. */
  async #watch(machine: RackMachine): Promise<void> {
    const { clock, signal, boots, pollMs = 5000, openConsole } = this.#parts
    const { name } = machine
    const wipe = this.book.of(name)
    if (wipe === undefined || !isBeforeReport(wipe.stage)) return
    const timeoutMs = machine.wipe?.timeoutMs ?? 0
    const { endMs = clock.now() + timeoutMs } = wipe
    if (!this.#followed.has(name)) this.#arm(machine, wipe)
    await using tail = new ConsoleTail((waiting) => openConsole(machine, waiting), signal)
    while (isBeforeReport(this.stageOf(name))) {
      signal.throwIfAborted()
      if (clock.now() >= endMs) {
        const far = boots.hasScript(machine) ? `${name} has its script` : boots.explainStop(machine)
        const limit = timeoutMs === 0 ? 'in time' : `within ${formatDuration(timeoutMs)}`
        return await this.#fail(machine, `its wipe did not report ${limit}: ${far}${tail.text}`)
      }
      const seen = await this.#look(machine)
      if (seen === 'on') this.#followed.add(name)
      if (seen === 'off') {
        if (this.#followed.has(name)) {
          return await this.#fail(machine, `it went off before its wipe reported${tail.text}`)
        }
        // No server could take its report, or all power was lost: it is wiped again.
        await this.book.advance(machine, ['running'], { stage: 'due', endMs: undefined })
        return
      }
      await this.#pause(name, Math.min(pollMs, Math.max(1, endMs - clock.now())))
    }
  }

  /** The power of a machine. A silent BMC says nothing. */
  async #look(machine: RackMachine): Promise<PowerState> {
    const { switches, signal } = this.#parts
    const { name } = machine
    let seen: PowerState = 'unknown'
    try {
      seen = await switches.look(machine, signal)
      this.#troubles.delete(name)
    } catch (error) {
      signal.throwIfAborted()
      this.#troubles.set(name, messageOf(error))
    }
    this.#seen.set(name, seen)
    return seen
  }

  /** Makes sure that a machine is off, and disarms its network boot. */
  async #putOff(machine: RackMachine): Promise<void> {
    const { switches, boots, signal } = this.#parts
    boots.disarm(machine)
    this.#followed.delete(machine.name)
    await switches.ensureOff(machine, signal)
    this.#seen.set(machine.name, 'off')
    await switches.of(machine).clearBoot(signal)
  }

  /** Sets a machine aside, whose disks may not be empty. */
  async #fail(machine: RackMachine, why: string): Promise<void> {
    if (!(await this.book.advance(machine, stagesBeforeReport, { stage: 'failed', why }))) return
    this.#parts.report.warn(`rack: ${machine.name} is set aside: ${why}`)
  }

  /** The word of a person about a machine with a wipe. @returns false if it has none @throws RackError while it is being wiped */
  async release(machine: RackMachine): Promise<boolean> {
    const { state, people, clock, signal } = this.#parts
    const { name } = machine
    const stage = this.stageOf(name)
    if (stage === undefined) return false
    if (isByHand(machine) && people.isAskedForOff(name)) {
      await state.change(name, { power: 'off' })
      people.confirmOff(name)
      return true
    }
    if (stage !== 'failed' && stage !== 'released') {
      throw new RackError(`the machine "${name}" is being wiped`, {
        hint: 'it is free after that; if its wipe fails or takes too long, it can be released',
      })
    }
    await this.book.advance(machine, ['failed'], { stage: 'released' })
    this.#work(machine)
    const patience = { ms: clock.toRealMs(releaseMs), late: () => undefined, signal }
    await settleBefore(patience, this.#working.get(name) ?? Promise.resolve())
    return true
  }
}
