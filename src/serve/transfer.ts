// A request while it is answered, and after: what the log, the page and the table at the terminal tell of it.
import type { IncomingMessage } from 'node:http'

/** A request and how far its answer is. */
export interface Transfer {
  readonly at: Date
  /** Address of the client; '' if it is not known. */
  readonly client: string
  readonly method: string
  /** The request target as it was sent. */
  readonly path: string
  readonly startedMs: number
  /** When it ended, on the clock of `startedMs`. */
  endedMs: number | undefined
  status: number
  /** The length of the body that was promised. */
  promisedBytes: number
  /** Bytes of the body that the system took. */
  bytes: number
  /** Why the client did not get all of it. */
  cut: Cut | undefined
  /** Why nothing was found, where the request does not show it. */
  why: string | undefined
  /** It is a page that watches, not something fetched: not worth a line. */
  watches: boolean
}

/** Why an answer ended early. */
export type Cut = 'aborted' | 'stalled' | 'file shrank' | 'file changed' | 'failed' | 'no TLS'

/** A transfer at its start; `client` is asked for early, because a socket that was closed no longer knows. */
export function startTransfer(request: IncomingMessage | undefined, client: string | undefined): Transfer {
  return {
    at: new Date(),
    client: (client ?? '').replace(/^::ffff:(?=\d+\.)/i, ''),
    method: request?.method ?? '-',
    path: request?.url ?? '-',
    startedMs: performance.now(),
    endedMs: undefined,
    status: 500,
    promisedBytes: 0,
    bytes: 0,
    cut: undefined,
    why: undefined,
    watches: false,
  }
}
