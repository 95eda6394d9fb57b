// TLS to a BMC whose certificate is known by its fingerprint: it is compared before the first byte is sent, so that no other
// server ever sees the credentials. The name in it does not matter; BMCs write "idrac" or "localhost" there.
import { connect, type TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import { Connections } from '../../http/connections.ts'
import type { Opener } from '../../http/pool.ts'
import type { NoAnswerError } from '../../http/transport.ts'
import { type Place, placeOf } from '../../http/url-parts.ts'
import { settleBefore } from '../../deadline.ts'
import { describeCondition } from '../../text/system-error.ts'
import { BmcError } from './bmc-error.ts'

const connectTimeoutMs = 10_000

/** The server shows another certificate than the expected one. */
export class OtherCertificateError extends Error {
  /** An error of the certificate to transport.ts: a retry is pointless. */
  readonly code = 'CERT_FINGERPRINT'
  /** Its SHA-256. */
  readonly seen: string

  constructor(seen: string) {
    super('another certificate')
    this.seen = seen
  }
}

function fingerprintOf(socket: TLSSocket): string {
  return socket.getPeerX509Certificate()?.fingerprint256 ?? 'none'
}

function late(): never {
  throw Object.assign(new Error('late'), { code: 'ETIMEDOUT' })
}

/** Begins a connection to a server with any certificate. */
function openAny({ host, port }: Place): TLSSocket {
  // The fingerprint takes its place.
  return connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
}

/** Opens connections only to the server with a certificate. */
function openPinned(fingerprint: string): Opener {
  return (place) => {
    const socket = openAny(place)
    // Nothing is sent before the certificate has been compared.
    socket.cork()
    return socket.once('secureConnect', () => {
      const seen = fingerprintOf(socket)
      if (seen === fingerprint) socket.uncork()
      else socket.destroy(new OtherCertificateError(seen))
    })
  }
}

/** Connections to one BMC; without a fingerprint its certificate must be one that this computer trusts. */
export function connectToBmc(fingerprint: string | undefined, clock: Clock): Connections {
  return new Connections({
    connectMs: clock.toRealMs(connectTimeoutMs),
    answerMs: clock.toRealMs(60_000),
    silenceMs: clock.toRealMs(30_000),
    // Many BMCs serve few connections, and drop idle ones.
    maxConnections: 2,
    idleMs: 2000,
    ...(fingerprint !== undefined && { openSecure: openPinned(fingerprint) }),
  })
}

/** The SHA-256 of a BMC's certificate. Nothing is sent to it. @throws BmcError if there is no answer, or the signal's reason */
export async function showCertificate(url: string, signal: AbortSignal): Promise<string> {
  const place = new URL(url)
  const socket = openAny(placeOf(place))
  // Late errors must not be unhandled.
  socket.on('error', () => {})
  try {
    await settleBefore<void>({ ms: connectTimeoutMs, late, signal }, (resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject)
    })
    return fingerprintOf(socket)
  } catch (cause) {
    signal.throwIfAborted()
    throw new BmcError('unreachable', `the BMC at "${place.host}" does not answer: ${describeCondition(cause)}`, {
      hint: 'check its address and its cable',
      cause,
    })
  } finally {
    socket.destroy()
  }
}

/**
 * Why a service cannot be asked: its certificate, or no answer at all.
 * @param place of the service in the command that shows its certificate: `HOST:443`
 */
export function explainSilence(name: string, answer: NoAnswerError, place: string): BmcError {
  if (answer.cause instanceof OtherCertificateError) {
    const { seen } = answer.cause
    return new BmcError('certificate', `${name} shows the certificate ${seen}, not the one of the rack file`, {
      hint: 'someone may be in between; if the certificate was renewed, write that SHA-256 as certificate',
    })
  }
  if (answer.untrusted) {
    return new BmcError('certificate', `${name}: ${answer.message}`, {
      hint: `write its SHA-256 as certificate (openssl s_client -connect ${place} | openssl x509 -noout -fingerprint -sha256)`,
    })
  }
  return new BmcError('unreachable', `${name} does not answer: ${answer.message}`, { cause: answer })
}
