// Events for scripts: with --json, one object per line on stdout. docs/json.md documents them.
import { plainJson } from './text/plain-text.ts'

/** The version of the schema, in each line. It changes when a field is renamed or removed, not when one is added. */
export const eventVersion = 1

/** The events and their fields. Sizes are bytes, durations ms, ids those of the API. */
export interface EventFields {
  /** A URL that machines will fetch responded; `bytes` is its Content-Length. */
  'url-checked': { url: string; status: number; bytes?: number }
  'machine-created': { id: string; hostname: string; plan: string; metro: string }
  /** An existing machine was given a new script and rebooted. */
  'machine-rebooted': { id: string }
  /** The machine's state or percentage changed. */
  state: { id: string; state: string; percentage?: number }
  /** A new event of the machine, such as `provisioning.104` or `user.1001`. */
  event: { id: string; type: string; body: string }
  /** A request to the image server ended; `complete` is false if the client left early. */
  served: { client: string; method: string; path: string; status: number; bytes: number; ms: number; complete: boolean }
  'console-attached': { id: string; host: string; port: number }
  /** The console was lost; metalkit attaches again. */
  'console-dropped': { id: string; why: string }
  /** Console output, decoded as UTF-8; the boundaries between events have no meaning. */
  console: { text: string }
  /** The console showed a --wait-for pattern. */
  matched: { pattern: string }
  'machine-deleted': { id: string }
  /** The machine keeps running, because of --keep or --device. */
  'machine-kept': { id: string }
  error: { layer: string; message: string; hint?: string; exit_code: number }
}

/** A line of the stream. */
export function formatEvent<K extends keyof EventFields>(event: K, fields: EventFields[K], now: Date): string {
  return `${plainJson({ version: eventVersion, time: now.toISOString(), event, ...fields })}\n`
}
