// Asks a host for its certificate. ssh2 cannot negotiate one, so this starts its own key exchange (RFC 4253, section 7;
// RFC 5656, section 4) and stops after the host's first answer, which carries the certificate. That alone proves nothing:
// the certificate is checked, and in the real connection ssh2 makes the host prove that it has the key.
import { createECDH, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { settleBefore } from '../deadline.ts'
import { certificateTypes } from './host-certificate.ts'
import { createWireReader, writeNumber, writeString } from './wire.ts'

const message = { disconnect: 1, ignore: 2, debug: 4, kexInit: 20, ecdhInit: 30, ecdhReply: 31 }
/** The messages that a host may send until then: its greeting, its algorithms, a key. */
const maxAnswerLength = 256 * 1024

/** A public key for an exchange whose result is never used. */
function makeExchangeKey(method: string): Buffer {
  const curve = { 'ecdh-sha2-nistp256': 'prime256v1', 'ecdh-sha2-nistp384': 'secp384r1' }[method]
  if (curve !== undefined) return createECDH(curve).generateKeys()
  return generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
}

const methods = ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384']

/** An unencrypted packet: padded to 8 bytes, with at least 4 bytes of padding. */
function frame(payload: Buffer): Buffer {
  const least = 8 - ((payload.length + 5) % 8)
  const padding = least < 4 ? least + 8 : least
  return Buffer.concat([
    writeNumber(1 + payload.length + padding),
    Buffer.from([padding]),
    payload,
    Buffer.alloc(padding),
  ])
}

/** Our algorithms: the host's, but with a certificate as host key. Undefined if the host offers none. */
function answerKexInit(theirs: Buffer): { kexInit: Buffer; ecdhInit: Buffer } | undefined {
  const reader = createWireReader(theirs)
  // The message number, and random bytes.
  reader.bytes(17)
  const [kex, hostKeys] = [reader.names(), reader.names()]
  const rest = Array.from({ length: 8 }, () => writeString(reader.string()))
  const method = methods.find((name) => kex.includes(name))
  const types = certificateTypes.filter((type) => hostKeys.includes(type))
  if (method === undefined || types.length === 0) return undefined
  const lists = [writeString(method), writeString(types.join(',')), ...rest]
  return {
    kexInit: Buffer.concat([Buffer.from([message.kexInit]), randomBytes(16), ...lists, Buffer.alloc(5)]),
    ecdhInit: Buffer.concat([Buffer.from([message.ecdhInit]), writeString(makeExchangeKey(method))]),
  }
}

/** Splits the input into the greeting and packets. */
function createSplitter(): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0)
  let greeted = false
  return (chunk) => {
    const payloads: Buffer[] = []
    rest = Buffer.concat([rest, chunk])
    if (rest.length > maxAnswerLength) throw new RangeError('too much of an answer')
    for (let end = rest.indexOf(10); !greeted && end >= 0; end = rest.indexOf(10)) {
      greeted = rest.subarray(0, 4).toString('latin1') === 'SSH-'
      rest = rest.subarray(end + 1)
    }
    if (!greeted) return payloads
    while (rest.length >= 5) {
      const length = rest.readUInt32BE()
      const padding = rest.readUInt8(4)
      if (length > maxAnswerLength || padding >= length) throw new RangeError('no packet')
      if (rest.length < 4 + length) break
      payloads.push(rest.subarray(5, 4 + length - padding))
      rest = rest.subarray(4 + length)
    }
    return payloads
  }
}

/** A host that sends more than this without a key counts as having no certificate. */
const maxBytes = 2 ** 20

/**
 * Asks on a new connection, which cannot be used for anything else afterwards.
 * @returns undefined if the host presents no certificate, or does not answer in time
 */
export async function askCertificate(
  stream: Duplex,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<Buffer | undefined> {
  const split = createSplitter()
  try {
    return await settleBefore<Buffer | undefined>(
      { ms: timeoutMs, late: () => undefined, signal },
      (resolve, reject) => {
        const take = (payload: Buffer) => {
          const kind = payload[0]
          if (kind === message.kexInit) {
            const answer = answerKexInit(payload)
            if (answer === undefined) return resolve(undefined)
            return void stream.write(Buffer.concat([frame(answer.kexInit), frame(answer.ecdhInit)]))
          }
          if (kind === message.ecdhReply) return resolve(createWireReader(payload.subarray(1)).string())
          if (kind !== message.ignore && kind !== message.debug) resolve(undefined)
        }
        let received = 0
        stream.on('data', (chunk: Buffer) => {
          received += chunk.length
          if (received > maxBytes) return resolve(undefined)
          try {
            split(chunk).forEach(take)
          } catch (error) {
            if (error instanceof RangeError) resolve(undefined)
            else reject(error)
          }
        })
        // A dialled socket is paused until someone listens.
        stream.resume()
        stream.once('error', () => resolve(undefined)).once('close', () => resolve(undefined))
        stream.write('SSH-2.0-metalkit\r\n')
      },
    )
  } finally {
    stream.destroy()
  }
}
