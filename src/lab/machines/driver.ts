// What the lab asks of a kind of machine: to be switched on, to have a serial line, and to say when it went off.
import type { Duplex } from 'node:stream'

/** A processor's architecture, as the kernel's own tools name it. */
export type Arch = 'x86_64' | 'aarch64'

/** An operating system on a machine's disk. */
export interface InstalledSystem {
  /** As people call it, `Debian 12`. */
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
  mac: string
  /**
   * URL of the iPXE script the lab's boot server has for this machine; it chains to the user's. Following it is what makes
   * the device active: one that never does stays in provisioning, where the lab, as the service did, refuses to delete it.
   */
  bootUrl: string
  /** What it boots instead of that script, for drivers that install systems. */
  system?: InstalledSystem | undefined
  /** All that it reaches, where it is isolated: ports of 10.0.2.2. */
  passages?: readonly Passage[] | undefined
}

/** A port at which an isolated machine reaches another of this computer's network. */
export interface Passage {
  guestPort: number
  host: string
  port: number
}

/** Why a machine went off: by itself (poweroff), because it was switched off, or because it could not run. */
export type PowerLoss = { reason: 'poweroff' | 'switched-off' } | { reason: 'failed'; detail: string }

/** A machine that is on. Disposing it pulls the plug and waits until it is off. */
export interface PoweredMachine extends AsyncDisposable {
  /** Its serial line: what it prints is read, what is typed is written. */
  serial: Duplex
  /** Sends a break on its serial line, as SysRq begins. */
  sendBreak?(): void
  /**
   * Makes a TCP port of the machine one of this computer's loopback; `hostPort` 0 is any free one.
   * @returns the port on loopback
   * @throws LabError where that cannot be had
   */
  forward?(guestPort: number, hostPort: number): Promise<number>
  /** Fulfilled once it is off, whatever the cause; never rejected. */
  off: Promise<PowerLoss>
  /** Silence on its line, in milliseconds, after which a machine whose boot script has yet to run stands still. */
  readonly stillAfterMs?: number
  /** Is called then: the driver starts it anew in another way, or it goes off as `failed`, for the reason given. */
  standsStill?(why: string): void
}

/** A kind of machine. */
export interface MachineDriver {
  readonly kind: 'qemu' | 'simulated'
  /** Whether its machines boot the operating systems of the catalogue, and a rescue system. */
  readonly installs?: boolean
  /**
   * Switches a machine on. `onRestart` hears of a start that nobody asked for: the machine begins again with its firmware.
   * @throws LabError when it cannot be
   */
  powerOn(spec: MachineSpec, onRestart?: () => void): Promise<PoweredMachine>
  /** Forgets what a machine that is off has kept, its disk. */
  discard?(id: string): Promise<void>
  /** Forgets what all machines but these have kept. */
  keepOnly?(ids: readonly string[]): Promise<void>
}
