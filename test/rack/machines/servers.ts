// Servers with BMCs for tests of the driver: each is on or off whoever looks, and its BMC answers or does not.
import { stringify } from 'yaml'
import type { Clock } from '../../../src/clock.ts'
import { BmcError } from '../../../src/rack/bmc/bmc-error.ts'
import { CheckedPower } from '../../../src/rack/power/checked.ts'
import type { MachineIdentity, Power } from '../../../src/rack/power/power.ts'
import { parseRackFile, type RackFile } from '../../../src/rack/file/rack-file.ts'
import { createRackDriver, type RackDriver } from '../../../src/rack/machines/driver.ts'
import { People } from '../../../src/rack/machines/people.ts'
import { RackState } from '../../../src/rack/machines/rack-state.ts'
import { Sightings } from '../../../src/rack/netboot/sightings.ts'
import type { Step } from '../../../src/rack/netboot/steps.ts'
import { HandPower } from '../../../src/rack/power/hands.ts'
import type { MachineSpec, PowerHooks } from '../../../src/lab/machines/driver.ts'
import { SerialLine } from '../../../src/lab/machines/serial-line.ts'
import { createFastClock } from '../../helpers/clock.ts'
import { createRecorder } from '../../helpers/recorder.ts'

/** Who has a server that several may take. */
export interface Owner {
  of: string | undefined
  isShown?: boolean
}

/** A server with a BMC. `log` has what it was asked to do, in order. */
export class Server {
  isOn = false
  isSilent = false
  /** Called before each request to its BMC; words are '' for a look. */
  onRequest: (words: string) => void = () => {}
  /** Whether its system shuts down when it is asked to. */
  isPolite = true
  /** Whose BMC answers. */
  identity: MachineIdentity = { macs: [], uuids: [] }
  readonly log: string[]
  readonly name: string

  constructor(name: string, log: string[]) {
    this.name = name
    this.log = log
  }

  #do<T>(what: string, answer: () => T): T {
    this.onRequest(what)
    if (this.isSilent) throw new BmcError('unreachable', `the BMC of "${this.name}" does not answer`)
    if (what !== '') this.log.push(`${this.name} ${what}`)
    return answer()
  }

  readonly power: Power = {
    status: async () => this.#do('', () => (this.isOn ? 'on' : 'off')),
    on: async () => void this.#do('on', () => (this.isOn = true)),
    off: async () => void this.#do('off', () => (this.isOn = false)),
    softOff: async () => this.#do('asked to shut down', () => void (this.isOn &&= !this.isPolite)),
    reset: async () => this.#do('reset', () => {}),
    bootFromNetworkOnce: async () => this.#do('boots from the network', () => ({ persistent: false })),
    clearBoot: async () => this.#do('boots as before', () => {}),
    identify: async () => this.#do('', () => this.identity),
    [Symbol.asyncDispose]: async () => {},
  }

  /** From now on others may take the server, too: `owner` says who has it, and whether it shows before a claim. */
  share(owner: Owner): void {
    const status = this.power.status.bind(this.power)
    let claimant: string | undefined
    const claim = async (device: string) => {
      if (owner.of !== undefined && owner.of !== device) throw new BmcError('taken', `${owner.of} has it`)
      owner.of = this.#do(`claimed for ${device}`, () => device)
      claimant = device
    }
    const look: Power['status'] = async (signal) => {
      const isOthers = owner.of !== undefined && owner.of !== claimant
      if (owner.isShown === true && isOthers) throw new BmcError('taken', `${owner.of} has it`)
      return await status(signal)
    }
    const free = async (device: string) => {
      if (owner.of === device) owner.of = this.#do(`freed of ${device}`, () => undefined)
    }
    Object.assign(this.power, { claim, free, status: look, isStatusOld: true })
  }
}

const machines = [
  { name: 'r1', plan: 'small', macs: ['52:54:00:aa:00:01'], firmware: 'uefi', power: 'by-hand' },
  { name: 'r2', plan: 'small', macs: ['52:54:00:aa:00:02'], firmware: 'uefi', power: 'by-hand' },
  { name: 'busy', plan: 'small', macs: ['52:54:00:aa:00:03'], firmware: 'uefi', inUse: true },
  { name: 'hand', plan: 'desk', macs: ['52:54:00:aa:00:04'], firmware: 'uefi', power: 'by-hand' },
]

/** A rack file with r1 and r2, whose power is a Server's; busy, which is in use; and hand, which only a person switches. */
export function fileOfServers(): RackFile {
  const text = stringify({ network: { address: '127.0.0.1' }, plans: { small: {}, desk: {} }, machines })
  const file = parseRackFile('rack.yaml', text)
  const commands = { kind: 'commands', on: 'true', off: 'true', status: 'true', env: {}, timeoutMs: 1 } as const
  for (const machine of file.machines.slice(0, 2)) {
    machine.power = { ...commands, softOff: undefined, reset: undefined, boot: undefined, clearBoot: undefined }
  }
  return file
}

/** A driver for servers, as one start of a rack has it; servers outlast it. */
export interface Start extends AsyncDisposable {
  driver: RackDriver
  state: RackState
  /** MACs that may boot, with their scripts. */
  armed: Map<string, string>
  lines: string[]
  /** Network boot has seen this. */
  see(step: Omit<Extract<Step, { kind: 'discover' }>, 'at'>): void
  powerOn(
    id: string,
    machine: string,
    more?: Partial<MachineSpec>,
    hooks?: PowerHooks,
  ): ReturnType<RackDriver['powerOn']>
  spec(id: string, machine: string, more?: Partial<MachineSpec>): MachineSpec
}

function macOf(name: string): string {
  return machines.find((machine) => machine.name === name)?.macs[0] ?? '52:54:00:aa:00:ff'
}

/** The machine of a device. */
function specOf(id: string, machine: string, more: Partial<MachineSpec> = {}): MachineSpec {
  return {
    id,
    machine,
    hostname: 'box',
    arch: 'x86_64',
    cpus: 0,
    memoryMib: 0,
    macs: [macOf(machine)],
    bootUrl: `http://127.0.0.1:1/boot/${id}/auto.ipxe`,
    boot: 'network-once',
    ...more,
  }
}

/** Servers and their rack file's folder. */
export class Servers {
  readonly log: string[] = []
  /** The console of each machine that was opened last. */
  readonly consoles = new Map<string, SerialLine>()
  readonly r1 = new Server('r1', this.log)
  readonly r2 = new Server('r2', this.log)
  readonly file = fileOfServers()
  readonly folder: string
  readonly #rackFile: string

  constructor(folder: string, rackFile: string) {
    this.folder = folder
    this.#rackFile = rackFile
  }

  /** Starts a rack. @param ids devices of its cloud */
  async start(ids: readonly string[] = [], clock: Clock = createFastClock(100)): Promise<Start> {
    const { log, file, r1, r2, folder, consoles } = this
    const state = await RackState.open(folder, this.#rackFile)
    const over = new AbortController()
    const report = createRecorder()
    const sightings = new Sightings()
    const people = new People(report, sightings)
    const armed = new Map<string, string>()
    const steps: Step[] = []
    const hand = file.machines.find(({ name }) => name === 'hand')
    if (hand === undefined) throw new Error('no hand')
    const hands = new HandPower({ machine: 'hand', hands: people.handsAt(hand), clock })
    const checked = ({ name, power }: Server) =>
      new CheckedPower(
        power,
        { name, macs: [macOf(name)], boot: 'pxe' },
        { clock, known: () => state.of(name).identity },
      )
    const driver = createRackDriver({
      file,
      powers: new Map<string, Power>([
        ['r1', checked(r1)],
        ['r2', checked(r2)],
        ['hand', hands],
      ]),
      netboot: {
        arm: (mac, script) => void armed.set(mac, script),
        disarm: (mac) => void armed.delete(mac),
        stepsOf: (mac) => steps.filter((step) => step.mac === mac),
      },
      sightings,
      people,
      openConsole: async ({ name }) => {
        log.push(`${name} console open`)
        const line = new SerialLine()
        consoles.set(name, line)
        return {
          line,
          async [Symbol.asyncDispose]() {
            log.push(`${name} console closed`)
            line.hangUp()
          },
        }
      },
      state,
      origin: 'http://127.0.0.1:1',
      report,
      clock,
      signal: over.signal,
      pollMs: 1000,
    })
    await driver.keepOnly?.(ids)
    return {
      driver,
      state,
      armed,
      lines: report.lines,
      see(without) {
        const step = { ...without, at: clock.now() }
        steps.push(step)
        sightings.take(step)
      },
      spec: specOf,
      powerOn: (id, machine, more, hooks) => driver.powerOn(specOf(id, machine, more), hooks),
      async [Symbol.asyncDispose]() {
        over.abort(new Error('the server ends'))
        await state[Symbol.asyncDispose]()
      },
    }
  }
}
