// TLS to a BMC whose certificate is known by its fingerprint: it is compared before the first byte is sent, so that no other
// server ever sees the credentials. The name in it does not matter; BMCs write "idrac" or "localhost" there.
import { connect, type TLSSocket } from 'node:tls'
import { callbackify } from 'node:util'
import { Agent, type buildConnector } from 'undici'
import type { Clock } from '../../clock.ts'
import type { NoAnswerError } from '../../http/transport.ts'
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

/** Opens a connection to a server with any certificate. @throws the system's error, or the signal's reason */
async function openTls(
  { hostname, port }: { hostname: string; port: string },
  ms: number,
  signal?: AbortSignal,
): Promise<TLSSocket> {
  const host = hostname.replaceAll(/^\[|\]$/g, '')
  const socket = connect({
    host,
    port: Number(port || 443),
    // The fingerprint takes its place.
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  })
  // Late errors must not be unhandled.
  socket.on('error', () => {})
  try {
    await settleBefore<void>({ ms, late, signal }, (resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject)
    })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function openPinned(
  place: { hostname: string; port: string },
  fingerprint: string,
  timeoutMs: number,
): Promise<TLSSocket> {
  const socket = await openTls(place, timeoutMs)
  const seen = fingerprintOf(socket)
  if (seen === fingerprint) return socket
  socket.destroy()
  throw new OtherCertificateError(seen)
}

function connectPinned(fingerprint: string, timeoutMs: number): buildConnector.connector {
  const open = callbackify(openPinned)
  return (place, callback) => {
    open(place, fingerprint, timeoutMs, (error, socket) =>
      error === null ? callback(null, socket) : callback(error, null),
    )
  }
}

/** Connections to one BMC; without a fingerprint its certificate must be one that this computer trusts. */
export function createBmcDispatcher(fingerprint: string | undefined, clock: Clock): Agent {
  const timeouts = { headersTimeout: clock.toRealMs(60_000), bodyTimeout: clock.toRealMs(30_000) }
  const timeoutMs = clock.toRealMs(connectTimeoutMs)
  // Many BMCs serve few connections, and drop idle ones.
  const sparing = { connections: 2, pipelining: 1, keepAliveTimeout: 2000 }
  return new Agent({
    ...timeouts,
    ...sparing,
    connect: fingerprint === undefined ? { timeout: timeoutMs } : connectPinned(fingerprint, timeoutMs),
  })
}

/** The SHA-256 of a BMC's certificate. Nothing is sent to it. @throws BmcError if there is no answer, or the signal's reason */
export async function showCertificate(url: string, signal: AbortSignal): Promise<string> {
  const place = new URL(url)
  let socket: TLSSocket
  try {
    socket = await openTls(place, connectTimeoutMs, signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new BmcError('unreachable', `the BMC at "${place.host}" does not answer: ${describeCondition(cause)}`, {
      hint: 'check its address and its cable',
      cause,
    })
  }
  const fingerprint = fingerprintOf(socket)
  socket.destroy()
  return fingerprint
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
