// The interface of a machine driver: it switches machines on, gives each a serial line, and reports when one goes off.
import type { Duplex } from 'node:stream'
import type { Arch } from '../../arch.ts'

/** An operating system on a machine's disk. */
export interface InstalledSystem {
  /** Its display name, `Debian 12`. */
  name: string
  rootPassword: string
}

/** A machine to switch on. */
export interface MachineSpec {
  /** Device id. */
  id: string
  hostname: string
  arch: Arch
  cpus: number
  memoryMib: number
  /** The serial console of an x86_64 machine, by its name in Linux; by default ttyS1. */
  tty?: 'ttyS0' | 'ttyS1' | undefined
  /** Its MAC addresses; the first is eth0's. */
  macs: readonly [string, ...string[]]
  /** Its name in the inventory; undefined if the driver makes machines. */
  machine?: string | undefined
  /**
   * URL of this machine's iPXE script on the lab's boot server; it chains to the user's script. The device becomes active once the
   * machine follows it; until then the device stays in provisioning, where the lab, like the service, refuses to delete it.
   */
  bootUrl: string
  /** How it boots: by that script this time or every time, or from its disk. Drivers whose firmware fetches the script each time need not care. */
  boot?: 'network-once' | 'network' | 'disk'
  /** Fulfilled once a session has attached to its console. */
  attended?: Promise<void> | undefined
  /** The system that it boots instead of that script, for drivers that install systems. */
  system?: InstalledSystem | undefined
  /** Everything that an isolated machine can reach: ports of 10.0.2.2. */
  passages?: readonly Passage[] | undefined
}

/** A port of 10.0.2.2 through which an isolated machine reaches a host and port of this computer's network. */
export interface Passage {
  guestPort: number
  host: string
  port: number
}

/** Why a machine went off: its system powered it off, it was switched off, or it could not run. */
export type PowerLoss = { reason: 'poweroff' | 'switched-off' } | { reason: 'failed'; detail: string }

/**
 * A machine that is on. Disposing it pulls the plug and waits until it is off; if that fails, the machine may still be on. A signal ends
 * the wait, by throwing its reason.
 */
export interface PoweredMachine extends AsyncDisposable {
  [Symbol.asyncDispose](signal?: AbortSignal): Promise<void>
  /** Its serial line: read the machine's output from it, and write input to it. */
  serial: Duplex
  /** Sends a break on its serial line, which starts a SysRq sequence. */
  sendBreak?(): void
  /**
   * Forwards a local port to a TCP port of the machine; `hostPort` 0 is any free port.
   * @returns the local port on loopback
   * @throws LabError if the port cannot be forwarded
   */
  forward?(guestPort: number, hostPort: number): Promise<number>
  /** Fulfilled once the machine is off, whatever the cause; never rejected. */
  off: Promise<PowerLoss>
  /**
   * Restarts the machine without switching it off: it boots as `spec` says now. Returns once it was seen to be on. Absent if a machine
   * can only be switched off and on.
   * @throws if it was not restarted, or nobody can tell; it may be off then
   */
  reset?(spec: MachineSpec, hooks?: PowerHooks): Promise<void>
  /** Gives the machine up without switching it off. Absent if machines end with the process that runs them. */
  detach?(signal?: AbortSignal): Promise<void>
  /** How far a machine that has not run its boot script yet has come, and what usually stops it there: a sentence without a period. */
  explainStop?(): string
  /** Silence on the line, in milliseconds, after which a machine that has not run its boot script yet has stalled. */
  readonly stallMs?: number
  /** Called when the machine has stalled: the driver restarts it in another way, or it goes off as `failed` for this reason. */
  stalled?(why: string): void
}

/** What a driver is told with a machine, and tells of it. */
export interface PowerHooks {
  /** Ends the wait for a machine that does not answer. */
  signal?: AbortSignal
  /** Called when the driver restarts the machine by itself, from its firmware on. */
  onRestart?: () => void
  /** Called for each thing seen of the machine on its way to its boot script. */
  onStep?: (text: string) => void
}

/** A driver for one kind of machine. */
export interface MachineDriver {
  readonly kind: 'qemu' | 'simulated' | 'rack'
  /** Whether its machines can boot the operating systems of the catalogue, and a rescue system. */
  readonly installs?: boolean
  /** Loads what powerOn needs, while no machine waits for it. */
  prepare?(): Promise<void>
  /**
   * Switches a machine on.
   * @throws LabError if the machine cannot be switched on
   */
  powerOn(spec: MachineSpec, hooks?: PowerHooks): Promise<PoweredMachine>
  /**
   * Finds the machine of a device again that an earlier server detached from. Absent if machines end with their server.
   * @returns undefined if it is off
   * @throws LabError while nobody can tell
   */
  reattach?(spec: MachineSpec, hooks?: PowerHooks): Promise<PoweredMachine | undefined>
  /** Frees everything of a device's machine, such as its disk, once the machine is off. If it fails, nothing is free. */
  discard?(id: string, signal?: AbortSignal): Promise<void>
  /** Deletes the disks of all machines except these. */
  keepOnly?(ids: readonly string[]): Promise<void>
}
