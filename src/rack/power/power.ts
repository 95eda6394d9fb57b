// How the rack switches a machine, by whatever means.

/** `unknown`: switching on or off, or not known. Only a machine that was seen off is `off`. */
export type PowerState = 'on' | 'off' | 'unknown'

/** What a BMC says of the machine that it belongs to. */
export interface MachineIdentity {
  /** In small letters with colons; empty if it reports none. */
  macs: string[]
  /** The forms in which the machine's UUID may be written; empty if it reports none. */
  uuids: string[]
}

/** What became of a boot override. */
export interface BootOverride {
  /** The BMC keeps it for every boot until it is cleared, though it was asked for one boot. */
  persistent: boolean
}

/**
 * The power of a machine. Every wait ends with the signal, by throwing its reason; everything else that is thrown is a BmcError
 * (or a UsageError for a missing secret), and says nothing about whether the machine is on.
 */
export interface Power {
  /** True if `status` may be outdated: only `off()` makes sure that the machine is off. */
  readonly isStatusOld?: boolean
  /** Why the BMC is another machine's; undefined if it is this machine's. */
  readonly stranger?: string | undefined
  /** Asks for the machine's state. */
  status(signal: AbortSignal): Promise<PowerState>
  /** Switches it on. Returns once it was seen on; at once if it is on already. */
  on(signal: AbortSignal): Promise<void>
  /** Cuts its power. Returns once it was seen off; at once if it is off already. */
  off(signal: AbortSignal): Promise<void>
  /** Requests a shutdown of its system, and does not wait for it. Absent if there is no way to request one. */
  softOff?(signal: AbortSignal): Promise<void>
  /** Resets a machine that is on. Absent if it can only be switched off and on. */
  reset?(signal: AbortSignal): Promise<void>
  /** Makes the next boot one from the network. Does nothing if that depends on the machine's own boot order. */
  bootFromNetworkOnce(signal: AbortSignal): Promise<BootOverride>
  /** Undoes `bootFromNetworkOnce`. */
  clearBoot(signal: AbortSignal): Promise<void>
  /**
   * Reserves the machine with a service that other programs also take machines from. Called before a device's first power action and
   * again after each restart of the rack: for a device that has it already, it does nothing. Absent if only this rack has the machine.
   * @param device the device's id
   * @throws BmcError `taken` if somebody else has it
   */
  claim?(device: string, signal: AbortSignal): Promise<void>
  /** Ends the reservation, once the machine was seen off. Does nothing if the device has no reservation. */
  free?(device: string, signal: AbortSignal): Promise<void>
  /** Asks the BMC which machine it belongs to. */
  identify(signal: AbortSignal): Promise<MachineIdentity>
  /** Ends what is open, such as a session with the BMC. */
  [Symbol.asyncDispose](): Promise<void>
}
