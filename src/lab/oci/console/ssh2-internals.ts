// What ssh2 has no words for: the reason why a channel is refused, a server that does not name the signatures it takes, and a client's
// goodbye. All of it is done through its internals; if a later version changes these, the refusal has no text, clients sign with SHA-2,
// and every end of a session locks its console.
import type { Connection } from 'ssh2'

/** SSH_OPEN_ADMINISTRATIVELY_PROHIBITED (RFC 4254, 5.1). */
const prohibited = 1

function protocolOf(client: Connection): object | undefined {
  const protocol: unknown = Reflect.get(client, '_protocol')
  return typeof protocol === 'object' && protocol !== null ? protocol : undefined
}

/** Refuses a channel as administratively prohibited, with a text. */
export function prohibit(client: Connection, reject: () => void, text: string): void {
  const protocol = protocolOf(client)
  const fail: unknown = protocol && Reflect.get(protocol, 'channelOpenFail')
  if (protocol === undefined || typeof fail !== 'function') return reject()
  Reflect.set(protocol, 'channelOpenFail', (channel: unknown) => {
    Reflect.apply(fail, protocol, [channel, prohibited, text])
  })
  try {
    reject()
  } finally {
    Reflect.set(protocol, 'channelOpenFail', fail)
  }
}

/** Leaves out the extension by which a server names signature algorithms (RFC 8308): a client with an RSA key then uses SHA-1. */
export function nameNoSignatures(client: Connection): void {
  const protocol = protocolOf(client)
  if (protocol === undefined) return
  let kex: unknown = Reflect.get(protocol, '_kex')
  Reflect.defineProperty(protocol, '_kex', {
    configurable: true,
    get: () => kex,
    set(next: unknown) {
      kex = next
      if (typeof next !== 'object' || next === null) return
      // ssh2 sets it right after this.
      Reflect.defineProperty(next, 'remoteExtInfoEnabled', { get: () => false, set() {} })
    },
  })
}

/** Calls back when a client says goodbye, as ssh does at every end that it chooses (SSH_MSG_DISCONNECT). */
export function onGoodbye(client: Connection, callback: () => void): void {
  const handlers: unknown = Reflect.get(protocolOf(client) ?? {}, '_handlers')
  if (typeof handlers !== 'object' || handlers === null) return
  const handle: unknown = Reflect.get(handlers, 'DISCONNECT')
  if (typeof handle !== 'function') return
  Reflect.set(handlers, 'DISCONNECT', (...words: unknown[]) => {
    callback()
    Reflect.apply(handle, handlers, words)
  })
}
