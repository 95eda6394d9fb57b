// A server without hardware: it is on or off whoever looks, boots from the network as its BMC was told, and runs a simulated system.
import type { Clock } from '../../../src/clock.ts'
import type { MachineDriver, PoweredMachine } from '../../../src/lab/machines/driver.ts'
import { createSimulatedDriver } from '../../../src/lab/machines/simulated/simulated.ts'
import type { Connect } from '../../../src/rack/console/link.ts'
import type { Power, PowerState } from '../../../src/rack/power/power.ts'
import { switchPower } from '../../../src/rack/power/settle.ts'

/** A request to a board's BMC. */
export type Act = 'status' | 'on' | 'off' | 'boot' | 'clearBoot'

/**
 * What a BMC does instead of a request: throw, because it does not answer, answer with a state, or leave the request undone. If
 * undefined, it does as it was asked.
 */
export type Misbehaviour = (act: Act, board: SimulatedBoard) => PowerState | 'undone' | undefined

/** The parts of a board. */
interface BoardParts {
  name: string
  mac: string
  clock: Clock
  /** The machines inside the boards. */
  systems?: MachineDriver
}

/** A server with a BMC. */
export class SimulatedBoard {
  readonly name: string
  readonly mac: string
  /** The origin of the rack's boot server. */
  origin = ''
  /** Whether the next boot is from the network. */
  isNetworkNext = false
  /** How often it was switched on. */
  starts = 0
  misbehave: Misbehaviour = () => undefined
  /** Fulfilled once its console has a session. */
  attended: Promise<void> | undefined
  /** Called once it is on. */
  onStart: () => void = () => {}
  readonly power: Power
  readonly #systems: MachineDriver
  #system: PoweredMachine | undefined
  #listener: ((bytes: Buffer) => void) | undefined
  #drop: (why: string) => void = () => {}

  constructor({ name, mac, clock, systems = createSimulatedDriver({ lineDelayMs: 1, selfTestMs: 0 }) }: BoardParts) {
    this.name = name
    this.mac = mac
    this.#systems = systems
    const status = async () => this.#ask('status')
    const turn = async (want: 'on' | 'off', signal: AbortSignal) => {
      const wanted = { name: `the BMC of "${name}"`, want, power: { status }, clock, signal }
      await switchPower(wanted, async () => {
        if (this.#isObeying(want)) await (want === 'on' ? this.switchOn() : this.cut())
      })
    }
    this.power = {
      status,
      on: async (signal) => await turn('on', signal),
      off: async (signal) => await turn('off', signal),
      reset: async (signal) => {
        await turn('off', signal)
        await turn('on', signal)
      },
      bootFromNetworkOnce: async () => {
        if (this.#isObeying('boot')) this.isNetworkNext = true
        return { persistent: false }
      },
      clearBoot: async () => {
        if (this.#isObeying('clearBoot')) this.isNetworkNext = false
      },
      identify: async () => ({ macs: [], uuids: [] }),
      [Symbol.asyncDispose]: async () => {},
    }
  }

  get isOn(): boolean {
    return this.#system !== undefined
  }

  #ask(act: 'status'): PowerState {
    const answer = this.misbehave(act, this)
    return answer === undefined || answer === 'undone' ? (this.isOn ? 'on' : 'off') : answer
  }

  #isObeying(act: Act): boolean {
    return this.misbehave(act, this) === undefined
  }

  /** Switches it on, as its button does. */
  async switchOn(): Promise<void> {
    if (this.isOn) return
    this.starts++
    const path = this.isNetworkNext ? `/boot/mac/${this.mac.replaceAll(':', '-')}` : '/no-network-boot'
    this.isNetworkNext = false
    const system = await this.#systems.powerOn({
      id: this.name,
      hostname: this.name,
      arch: 'x86_64',
      cpus: 1,
      memoryMib: 1024,
      macs: [this.mac],
      bootUrl: this.origin + path,
      attended: this.attended,
    })
    this.#system = system
    system.serial.on('data', (bytes: Buffer) => this.#listener?.(bytes))
    system.serial.on('error', () => {})
    void this.#watch(system)
    this.onStart()
  }

  async #watch(system: PoweredMachine): Promise<void> {
    const { reason } = await system.off
    // A system that has failed leaves its server on.
    if (reason !== 'failed' && this.#system === system) this.#system = undefined
  }

  /** Cuts its power. */
  async cut(): Promise<void> {
    const system = this.#system
    await system?.[Symbol.asyncDispose]()
    if (this.#system === system) this.#system = undefined
  }

  /** Connects to its serial line, which is there whether it is on or off. */
  connect: Connect = ({ onOutput }) => {
    this.#listener = onOutput
    const lost = new Promise<string>((resolve) => {
      this.#drop = resolve
    })
    return Promise.resolve({
      type: (bytes) => void this.#system?.serial.write(bytes),
      sendBreak: () => true,
      lost,
      close: async () => {
        if (this.#listener === onOutput) this.#listener = undefined
      },
    })
  }

  /** Drops the connection to its serial line. */
  dropConsole(): void {
    this.#listener = undefined
    this.#drop('the connection was dropped')
  }
}
