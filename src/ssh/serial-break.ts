// A break on the serial line: the channel request of RFC 4335, which ssh2 does not offer. The packet is built with
// ssh2's internals; if a later version differs, nothing is sent.
import type { Client, ClientChannel } from 'ssh2'

const channelRequest = 98
const breakMs = 500

/** The ssh2 internals that are needed. */
interface Insides {
  _packetRW: { write: { allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer } }
  _cipher: { encrypt(packet: Buffer): void }
  /** Set during a key exchange, when nothing else may be sent. */
  _kexinit: unknown
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function isInsides(protocol: unknown): protocol is Insides {
  const write = field(field(protocol, '_packetRW'), 'write')
  return (
    typeof field(write, 'allocStart') === 'number' &&
    typeof field(write, 'alloc') === 'function' &&
    typeof field(write, 'finalize') === 'function' &&
    typeof field(field(protocol, '_cipher'), 'encrypt') === 'function'
  )
}

/** The payload of the request, which asks for no reply. */
function breakRequest(channel: number): Buffer {
  const name = Buffer.from('break')
  const payload = Buffer.alloc(1 + 4 + 4 + name.length + 1 + 4)
  payload.writeUInt8(channelRequest, 0)
  payload.writeUInt32BE(channel, 1)
  payload.writeUInt32BE(name.length, 5)
  name.copy(payload, 9)
  payload.writeUInt32BE(breakMs, 10 + name.length)
  return payload
}

/** Requests a break. @returns whether it could be sent */
export function sendBreak(client: Client, channel: ClientChannel): boolean {
  const protocol = field(client, '_protocol')
  const id = field(field(channel, 'outgoing'), 'id')
  if (typeof id !== 'number' || !isInsides(protocol) || protocol._kexinit !== undefined) return false
  const payload = breakRequest(id)
  const { write } = protocol._packetRW
  const packet = write.alloc(payload.length)
  packet.set(payload, write.allocStart)
  protocol._cipher.encrypt(write.finalize(packet))
  return true
}
