// The machines that may boot from the network now: the script of each, and how far it has come.
import { describeNetbootStep, explainStop } from '../netboot/steps.ts'
import type { Netboot } from '../netboot/netboot.ts'
import type { Sightings } from '../netboot/sightings.ts'
import type { RackMachine } from '../file/rack-file.ts'

/** A machine that will boot from the network. */
interface Boot {
  machine: RackMachine
  script: string
  /** It is to boot from the network only once. */
  isOnce: boolean
  isFetched: boolean
  /** Its BMC has loaded the disc. */
  hasDisc: boolean
  onStep: (text: string) => void
  following: Disposable
}

/** How a machine is to boot. */
export interface BootOrder {
  script: string
  isOnce: boolean
  onStep?: ((text: string) => void) | undefined
}

/** The network boots of a rack's machines. */
export class NetworkBoots {
  readonly #netboot: Pick<Netboot, 'arm' | 'disarm' | 'stepsOf'>
  readonly #sightings: Sightings
  /** By the machine's name. */
  readonly #boots = new Map<string, Boot>()

  constructor(netboot: Pick<Netboot, 'arm' | 'disarm' | 'stepsOf'>, sightings: Sightings) {
    this.#netboot = netboot
    this.#sightings = sightings
  }

  /** Lets a machine boot. */
  arm(machine: RackMachine, { script, isOnce, onStep = () => {} }: BootOrder): void {
    const { name, macs } = machine
    this.disarm(machine)
    // A disc fetches the script by its own route.
    if (machine.boot !== 'media') for (const mac of macs) this.#netboot.arm(mac, script)
    const following = this.#sightings.follow(macs, (step) => onStep(`${name}: ${describeNetbootStep(step)}`))
    this.#boots.set(name, { machine, script, isOnce, isFetched: false, hasDisc: false, onStep, following })
  }

  /** From now on the machine boots as if there were no network boot. */
  disarm({ name, macs }: RackMachine): void {
    for (const mac of macs) this.#netboot.disarm(mac)
    this.#boots.get(name)?.following[Symbol.dispose]()
    this.#boots.delete(name)
  }

  /** The script of the machine with this MAC address, while its boot is due. */
  scriptOf(mac: string): string | undefined {
    return [...this.#boots.values()].find(({ machine }) => machine.macs.includes(mac))?.script
  }

  /** A BMC loads the disc. One that is named by its host, not its address, counts for every machine that waits for it. */
  loadedDisc(peer: string): void {
    const waiting = [...this.#boots.values()].filter(({ machine, hasDisc }) => machine.boot === 'media' && !hasDisc)
    const own = waiting.filter(
      ({ machine: { power } }) => power?.kind === 'redfish' && new URL(power.url).hostname === peer,
    )
    for (const boot of own.length > 0 ? own : waiting) {
      boot.hasDisc = true
      boot.onStep(`${boot.machine.name}: its BMC loads the disc`)
    }
  }

  /** A client fetched a script. */
  fetched(script: string): void {
    for (const boot of this.#boots.values()) {
      if (boot.script !== script || boot.isFetched) continue
      boot.isFetched = true
      boot.onStep(`${boot.machine.name}: has its script`)
    }
  }

  /** A machine reports that its script runs. */
  ran(script: string): void {
    for (const { machine, script: own, isOnce } of this.#boots.values()) {
      if (own === script && isOnce && !this.answersDiskBoots(machine)) this.disarm(machine)
    }
  }

  /** Whether a machine gets a script also when its device boots the disk: the script then says how. */
  answersDiskBoots({ diskBoot = 'nothing' }: RackMachine): boolean {
    return diskBoot !== 'nothing'
  }

  /** Whether a machine whose boot is due has fetched its script. */
  hasScript({ name }: RackMachine): boolean {
    return this.#boots.get(name)?.isFetched === true
  }

  /** How far a machine has come that has not reported that its script runs, and what usually stops it there. */
  explainStop({ name, macs, boot: source }: RackMachine): string {
    const boot = this.#boots.get(name)
    if (boot?.isFetched === true) {
      return `${name} has its script, but did not report that it runs; usually the network fails after iPXE has loaded the script: see its console`
    }
    if (source === 'media') {
      return boot?.hasDisc === true
        ? `${name}: its BMC has loaded the disc, but the machine did not ask for its script; usually its firmware does not boot the disc (Secure Boot is on, or the override is ignored), or its network card has no address: see its console`
        : `${name}: the disc is inserted, but its BMC did not load it; usually the BMC does not reach this computer: check its network and the firewall`
    }
    // The network card that came furthest speaks for the machine.
    const steps = macs.map((mac) => this.#netboot.stepsOf(mac)).toSorted((a, b) => b.length - a.length)[0]
    const { reached, missing, cause } = explainStop(steps ?? [])
    return `${name}: ${reached}, but ${missing}; usually ${cause}`
  }
}
