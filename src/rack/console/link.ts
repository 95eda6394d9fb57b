// One connection to a machine's serial line, whatever carries it.

/** An open connection. */
export interface Link {
  /** Types into the machine. Never waits: input beyond what may wait is lost. */
  type(bytes: Buffer): void
  /** Sends a break. @returns false if this connection cannot */
  sendBreak(): boolean
  /** Fulfilled once the connection is lost, with the reason: `it closed the connection`. Never rejected. */
  lost: Promise<string>
  /** Closes it in order. Never rejected. */
  close(): Promise<void>
}

/** The hooks of a connection. */
export interface LinkHooks {
  /** Receives the machine's output; may be called before the connection counts as open. */
  onOutput: (bytes: Buffer) => void
  /** Ends the attempt to connect; an open link is closed by `close`. */
  signal: AbortSignal
}

/** Connects. @throws a MetalkitError with the reason, or the signal's reason */
export type Connect = (hooks: LinkHooks) => Promise<Link>

/** How much input may wait for a slow peer. */
export const maxWaitingInput = 1 << 20
