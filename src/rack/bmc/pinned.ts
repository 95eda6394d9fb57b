// TLS to a BMC whose certificate is known by its fingerprint: it is compared before the first byte is sent, so that no other
// server ever sees the credentials. The name in it does not matter; BMCs write "idrac" or "localhost" there.
import { connect, type TLSSocket } from 'node:tls'
import { Agent, type buildConnector } from 'undici'
import type { Clock } from '../../clock.ts'
import { settleBefore } from '../../deadline.ts'
import { describeCondition } from '../../errors.ts'
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

function lookAt(socket: TLSSocket, fingerprint: string): OtherCertificateError | undefined {
  const seen = socket.getPeerX509Certificate()?.fingerprint256 ?? 'none'
  return seen === fingerprint ? undefined : new OtherCertificateError(seen)
}

function connectPinned(fingerprint: string, timeoutMs: number): buildConnector.connector {
  return ({ hostname, port }, callback) => {
    const host = hostname.replaceAll(/^\[|\]$/g, '')
    const socket = connect({
      host,
      port: Number(port || 443),
      // The fingerprint takes its place.
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    })
    const fail = (error: Error) => {
      socket.destroy()
      callback(error, null)
    }
    const timer = setTimeout(() => fail(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })), timeoutMs)
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      const other = lookAt(socket, fingerprint)
      if (other === undefined) return callback(null, socket)
      // Late errors must not be unhandled.
      socket.on('error', () => {})
      return fail(other)
    })
    socket.once('close', () => clearTimeout(timer))
  }
}

/** Connections to one BMC; without a fingerprint its certificate must be one that this computer trusts. */
export function createBmcDispatcher(fingerprint: string | undefined, clock: Clock): Agent {
  const timeouts = { headersTimeout: clock.toRealMs(60_000), bodyTimeout: clock.toRealMs(30_000) }
  const timeoutMs = clock.toRealMs(connectTimeoutMs)
  // Many BMCs serve few connections, and forget those that are idle.
  const sparing = { connections: 2, pipelining: 1, keepAliveTimeout: 2000 }
  return new Agent({
    ...timeouts,
    ...sparing,
    connect: fingerprint === undefined ? { timeout: timeoutMs } : connectPinned(fingerprint, timeoutMs),
  })
}

/** The SHA-256 of a BMC's certificate. Nothing is sent to it. @throws BmcError if there is no answer */
export async function showCertificate(url: string, signal: AbortSignal): Promise<string> {
  const { hostname, port, host } = new URL(url)
  const place = { host: hostname.replaceAll(/^\[|\]$/g, ''), port: Number(port || 443) }
  const socket = connect({ ...place, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  try {
    return await settleBefore<string>(
      {
        ms: connectTimeoutMs,
        late: () => {
          throw new BmcError('unreachable', `the BMC at "${host}" does not answer`, {
            hint: 'check its address and its cable',
          })
        },
        signal,
      },
      (resolve, reject) => {
        socket.once('error', (cause) =>
          reject(
            new BmcError('unreachable', `the BMC at "${host}" does not answer: ${describeCondition(cause)}`, { cause }),
          ),
        )
        socket.once('secureConnect', () => resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? 'none'))
      },
    )
  } finally {
    socket.on('error', () => {})
    socket.destroy()
  }
}
