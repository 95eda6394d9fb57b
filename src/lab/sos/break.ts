// Breaks that clients send: RFC 4335's channel request, which ssh2 does not report to servers. They are read from ssh2's
// internals; if a later version changes these, breaks are ignored.
import type { Connection } from 'ssh2'

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Calls `callback` for each break that a client sends from now on. */
export function onBreak(client: Connection, callback: () => void): void {
  const handlers = field(field(client, '_protocol'), '_handlers')
  const handle = field(handlers, 'CHANNEL_REQUEST')
  if (typeof handlers !== 'object' || handlers === null || typeof handle !== 'function') return
  const listen = (protocol: unknown, channel: unknown, type: unknown, ...rest: unknown[]) => {
    if (type === 'break') callback()
    Reflect.apply(handle, handlers, [protocol, channel, type, ...rest])
  }
  Reflect.set(handlers, 'CHANNEL_REQUEST', listen)
}
