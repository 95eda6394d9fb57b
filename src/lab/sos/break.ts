// Breaks that clients send: RFC 4335's channel request, of which ssh2 tells its servers nothing. It is taken from what ssh2
// has inside; where a later version of it has something else inside, there are no breaks.
import type { Connection } from 'ssh2'

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Calls back for each break that a client sends from now on. */
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
