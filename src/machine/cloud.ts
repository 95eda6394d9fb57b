// What a cloud does so that a machine can be rented, followed, watched and given back. This folder is written over it; each
// cloud implements it in a folder of its own.
import type { Address } from '../address.ts'
import type { Clock } from '../clock.ts'
import type { Context } from '../io.ts'

/**
 * What a machine is doing, in words that all clouds share: `stopping` is on its way off, `switching` on its way on or through a
 * reboot. A machine that is being deleted is `going`, one that the cloud still shows after its end is `gone`. A state that the
 * cloud's folder does not know is `unknown`: neither ready nor failed.
 */
export type Phase = 'coming' | 'on' | 'off' | 'switching' | 'stopping' | 'going' | 'gone' | 'failed' | 'unknown'

/** What holds up the end of a deletion that the cloud goes on with by itself: the physical machine is not off yet. */
export interface Release {
  /** Its name. */
  machine: string
  /** The latest failure, if there was one. */
  trouble: string | undefined
}

/** A machine as its cloud shows it. A cloud may give its records more fields; it gets its own records back, unchanged. */
export interface MachineRecord {
  id: string
  /** The cloud's own word for its state. */
  state: string
  phase: Phase
  /** Empty if the cloud does not say. */
  hostname: string
  plan: string
  /** Metro, site or availability domain. */
  place: string
  /** RFC 3339. */
  createdAt: string | undefined
  isLocked: boolean
  /** Whether metalkit created it. */
  isOurs: boolean
  /** Which create of its run made it, from 1, if its mark says so. */
  attempt: number | undefined
  /** 0 to 100, while it comes up. */
  percentage: number | undefined
  /** The project or compartment that it is in, if the cloud says. */
  projectId: string | undefined
  /** Why it cannot be booted over iPXE again (`--device`); undefined if it can. */
  whyNotBootable?: { message: string; hint: string } | undefined
  /** Set by a rack while the machine of a deleted device is not known to be off. */
  release?: Release | undefined
}

/** Something that happened to a machine. */
export interface MachineEvent {
  id: string
  type: string
  /** One line, from the cloud. */
  body: string
}

/** What a machine is rented as. */
export interface Choice {
  plan: string
  place: string
  /** Why the API may refuse it. */
  doubt?: string | undefined
}

/** What the user asks for; the cloud chooses what is undefined. */
export interface Wish {
  plan: string | undefined
  place: string | undefined
}

/** The machine that is wanted. */
export interface Order {
  plan: string
  place: string
  /** Undefined where the cloud's own host name carries the run's mark. */
  hostname: string | undefined
  /** The URL of the boot script. */
  scriptUrl: string
  /** Whether it boots over the network at every boot. */
  alwaysPxe: boolean
  /** RFC 3339; the cloud deletes the machine then. */
  until?: string | undefined
}

/** Handles answers that turn a create away (429): it may have been carried out anyway. */
export interface TurnedAway {
  /** Called at once for every such answer: an interrupt may end the wait for the next attempt. */
  note(): void
  /** Tells whether it was carried out; called before the next attempt. */
  wasDone(): Promise<boolean>
}

/** One create. */
export interface Creation {
  order: Order
  /** The mark of the run, from `markOf`. */
  mark: string
  /** From 1. A cloud that can makes the attempt part of the mark. */
  attempt: number
  turnedAway: TurnedAway
  /** Once aborted, no retry starts, and the request under way has a few seconds left. */
  lastTry: AbortSignal
}

/** A host on the way to a console, and who is logged in there. */
export interface ConsoleHop {
  address: Address
  username: string
  /** Fingerprints of host keys that the cloud's API vouches for, `SHA256:…` or MD5 in colon hex. */
  fingerprints?: readonly string[]
  /** True if this host offers only `ssh-rsa`; it is then reached inside the tunnel of a checked host. */
  isSha1Only?: boolean
}

/** Where a machine's serial console is reached by SSH. Disposing it takes back what the cloud made for it. */
export interface ConsolePlace extends AsyncDisposable, ConsoleHop {
  /** The host that is passed first, if any; `address` is as that host knows it. */
  via?: ConsoleHop
  /** The only public key that it accepts, `type base64`, if there is only one. */
  publicKey?: string
  /** A private key (PEM) made for this console, if none of the user's is of a type that the cloud takes. */
  privateKey?: string
}

/** Console hosts that are known before there is a machine, and what messages call them: an `SOS host` of a `metro`. */
export interface ConsoleHosts {
  addresses: readonly Address[]
  /** True if it is certainly one of these, so that its host key can be asked about. */
  isCertain: boolean
  kind: string
  area: string
}

/** What a cloud may need to open a console. */
export interface ConsoleRequest {
  /** The user's public keys, `type base64`, in the order of preference. */
  publicKeys: readonly string[]
  /** For one line about a wait. */
  onWait: (why: string) => void
  signal: AbortSignal
}

/** One finding of `doctor`; a hint makes it a warning. */
export interface Finding {
  detail: string
  hint?: string
}

/** The surroundings of a cloud. */
export interface CloudContext extends Context {
  /** A value without which a call is not possible. @param flag its name in code @throws UsageError that says how to set it */
  require(flag: string, value: string | undefined): Promise<string>
}

/** A cloud, as one account sees it. Every call throws an error written for the user, or the signal's reason. */
export interface Cloud {
  /** As commands name it: `equinixmetal`. */
  readonly name: string
  /** What machines and keys belong to, in messages: `project`, `compartment`. */
  readonly scope: string
  /** How a machine carries its run's mark, in messages: `a machine tagged "…"`. */
  readonly marked: 'tagged' | 'named'
  /** Why a machine does not count as created by metalkit, in messages: `it has no tag "metalkit"`. */
  readonly whyForeign: string
  readonly clock: Clock
  /** True for the API of a lab that ends, with its machines, when its command ends. */
  readonly isTemporary: boolean
  /** True once an answer has said that this is the API of a lab, whose machines cost nothing. */
  readonly isLab: boolean
  /** Whether a machine that is `going` is watched until it is `gone`; otherwise its deletion counts as done. */
  readonly isDeletionWatched: boolean
  /** Whether repeating a create with the same mark cannot make another machine; its attempts then count as one. */
  readonly isCreateRepeatable?: boolean
  /** Whether booting a machine again erases its disks. */
  readonly isReuseErasing: boolean
  /** What else to know about the cost of a kept machine. */
  readonly costNote?: string | undefined
  /** The API's time, in ms since 1970, by its latest answer; before any answer, this computer's. */
  nowMs(): number
  /** The API's time, asked for now; undefined if its answers have none. */
  readTime(signal: AbortSignal): Promise<number | undefined>

  /** The mark of a run's machines, from a UUID. `rm` and `list` take it. */
  markOf(runId: string): string
  /**
   * Checks what would make a create futile or a machine impossible to give back, and chooses plan and place. Creates nothing.
   * Called before a machine is rented, not before one is reused.
   */
  prepare(wish: Wish, signal: AbortSignal): Promise<Choice>
  /** Looks at one part of the account for `doctor`, as the cloud's row names them; the first part is the credentials. */
  check(part: string, signal: AbortSignal): Promise<Finding>
  /** @throws UncertainError if the machine may or may not exist; lastTry.reason if it does not */
  create(creation: Creation): Promise<MachineRecord>
  /** Adds advice to a refused create, such as plans with similar names; otherwise returns the error itself. */
  explainRefusal(error: unknown, order: Order): Promise<unknown>
  get(id: string, signal?: AbortSignal): Promise<MachineRecord>
  /**
   * The machines that metalkit created, or those of one run, from every page. Those that are `going` are included, those that are
   * `gone` only with a mark: a create whose answer was lost may have made one that has ended already.
   */
  list(mark?: string, signal?: AbortSignal): Promise<MachineRecord[]>
  /** The machine as the cloud's list shows it, as a second opinion after a 404; undefined if it is not listed, or no list can be asked. */
  findListed(machine: Pick<MachineRecord, 'id' | 'projectId'>, signal?: AbortSignal): Promise<MachineRecord | undefined>
  /** Makes an existing machine boot a script, by a reboot, or a new deployment if `isReuseErasing`, and reports which. */
  boot(
    machine: MachineRecord,
    order: Pick<Order, 'hostname' | 'scriptUrl' | 'alwaysPxe'>,
    signal: AbortSignal,
  ): Promise<MachineRecord>
  power(id: string, action: 'on' | 'off' | 'reboot', signal: AbortSignal): Promise<void>
  /** Asks for the deletion of a machine. @throws FinalRefusal if asking again cannot help */
  delete(id: string, signal?: AbortSignal): Promise<void>
  /** Whether an error says that a machine does not exist. */
  isGone(error: unknown): boolean
  /** The newest events of a machine, newest first; none if the cloud has no such list. */
  listEvents(id: string, signal: AbortSignal): Promise<MachineEvent[]>

  /** The public keys, `type base64`, that consoles of this account accept; undefined if it cannot be known, or any will do. */
  listKeys(signal: AbortSignal): Promise<ReadonlySet<string> | undefined>
  /** The hosts that may have the console of a machine at a place; undefined if only an answer about the machine names its host. */
  consoleHosts(place: string): ConsoleHosts | undefined
  /** Whether a machine's console can be asked for now. */
  hasConsole(machine: MachineRecord): boolean
  openConsole(machine: MachineRecord, request: ConsoleRequest): Promise<ConsolePlace>
  /** Where plain ssh reaches a machine's console with one of the user's keys; undefined if it is unknown, or takes more. */
  consoleLogin(machine: MachineRecord): Pick<ConsoleHop, 'address' | 'username'> | undefined
  /** The last part of the serial line, as the cloud kept it, if it can tell. */
  readConsoleHistory?(machine: MachineRecord, signal: AbortSignal): Promise<string>
}
