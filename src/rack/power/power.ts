// How the rack switches a machine, whatever stands behind it.

/** `unknown`: going on or off, or nobody can tell. Only a machine that was seen to be off is `off`. */
export type PowerState = 'on' | 'off' | 'unknown'

/** Whose BMC it is, as far as it tells. */
export interface MachineIdentity {
  /** In small letters with colons; empty if it tells none. */
  macs: string[]
  /** The forms in which the machine's UUID may be written; empty if it tells none. */
  uuids: string[]
}

/** How a boot override was taken. */
export interface BootOverride {
  /** The BMC keeps it for every boot until it is cleared, though it was asked for one boot. */
  persistent: boolean
}

/**
 * The power of a machine. Every wait ends with the signal, by throwing its reason; everything else that is thrown is a BmcError
 * (or a UsageError for a missing secret), and says nothing about whether the machine is on.
 */
export interface Power {
  /** `status` is a record of what somebody saw some time ago: only `off` makes sure that the machine is off. */
  readonly isStatusOld?: boolean
  /** Why the BMC is not the machine's, as long as it is not. */
  readonly stranger?: string | undefined
  /** Asks for the machine's state. */
  status(signal: AbortSignal): Promise<PowerState>
  /** Switches it on. Returns once it was seen to be on; for a machine that is on, at once. */
  on(signal: AbortSignal): Promise<void>
  /** Cuts its power. Returns once it was seen to be off; for a machine that is off, at once. */
  off(signal: AbortSignal): Promise<void>
  /** Asks its system to shut down; returns once it is asked. Absent if there is no way to ask. */
  softOff?(signal: AbortSignal): Promise<void>
  /** Resets a machine that is on. Absent if there is no way but off and on. */
  reset?(signal: AbortSignal): Promise<void>
  /** Makes the next boot one from the network. Does nothing if the machine's own boot order has to see to that. */
  bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride>
  /** Takes back `bootFromNetworkOnce`. */
  clearBoot(signal: AbortSignal): Promise<void>
  /**
   * Reserves the machine with the service that others take machines from, too. Called before a device's first power action and
   * again after each restart of the rack: for a device that has it already, it does nothing. Absent if only this rack has the machine.
   * @param device the device's id
   * @throws BmcError `taken` if somebody else has it
   */
  claim?(device: string, signal: AbortSignal): Promise<void>
  /** Ends the reservation, once the machine was seen to be off; for a device that has none, does nothing. */
  free?(device: string, signal: AbortSignal): Promise<void>
  /** Asks whose it is. */
  identify(signal: AbortSignal): Promise<MachineIdentity>
  /** Ends what is open, such as a session with the BMC. */
  [Symbol.asyncDispose](): Promise<void>
}
