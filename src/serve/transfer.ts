// A request and its response, during and after: the record behind the log, the page and the table in the terminal.
import type { IncomingMessage } from 'node:http'
import { plainAddress } from '../address.ts'

/** A request and the progress of its response. */
export interface Transfer {
  readonly at: Date
  /** The client's address; '' if unknown. */
  readonly client: string
  readonly method: string
  /** The raw request target. */
  readonly path: string
  readonly startedMs: number
  /** When it ended, on the clock of `startedMs`. */
  endedMs: number | undefined
  status: number
  /** The announced length of the body. */
  promisedBytes: number
  /** Bytes of the body that the system has accepted. */
  bytes: number
  /** Why the client did not get all of it. */
  cut: Cut | undefined
  /** Why nothing was found, if the request does not show it. */
  why: string | undefined
  /** True for a page's event stream, which is not worth a log line. */
  watches: boolean
}

/** Why a response ended early. */
export type Cut = 'aborted' | 'stalled' | 'file shrank' | 'file changed' | 'failed' | 'no TLS'

/** A new transfer. `client` is read early, because a closed socket no longer knows its address. */
export function startTransfer(request: IncomingMessage | undefined, client: string | undefined): Transfer {
  return {
    at: new Date(),
    client: plainAddress(client),
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
