// A connection through an HTTP proxy, by CONNECT (RFC 9110 9.3.6).
import { request } from 'node:http'
import type { Socket } from 'node:net'
import { formatAddress } from '../address.ts'
import { settleBefore } from '../deadline.ts'
import { openTls, type Pool, TimedOutError } from './pool.ts'
import { basicLogin, type Place, placeOf } from './url-parts.ts'

/** The proxy refused to connect. Its message is shown. */
export class RefusedByProxyError extends Error {
  constructor(status: number | undefined) {
    super(`the proxy from the environment refused to connect (it answers ${status})`)
  }
}

/** How a tunnel is opened. */
export interface TunnelSettings {
  proxy: URL
  /** The connections to the proxy itself. */
  pool: Pool
  /** The longest wait for all of it, in ms. */
  connectMs: number
  /** Whether the server speaks TLS. */
  isSecure: boolean
  /** When aborted, the wait ends. */
  signal: AbortSignal
}

/** The headers with the name and password in a proxy's URL. */
export function proxyLogin(proxy: URL): Record<string, string> {
  const { authorization } = basicLogin(proxy)
  return authorization === undefined ? {} : { 'proxy-authorization': authorization }
}

function late(): never {
  throw new TimedOutError('connect')
}

/** Opens a connection to a server through a proxy. @throws RefusedByProxyError, TimedOutError, or what the system says */
export async function openTunnel(place: Place, settings: TunnelSettings): Promise<Socket> {
  const { proxy, pool, connectMs: ms, isSecure, signal } = settings
  const path = formatAddress(place)
  const headers = { host: path, ...proxyLogin(proxy) }
  const call = request({ agent: pool, ...placeOf(proxy), method: 'CONNECT', path, headers }).on('error', () => {})
  let socket: Socket | undefined
  try {
    return await settleBefore<Socket>({ ms, late, signal }, (resolve, reject) => {
      call.on('error', reject).once('connect', ({ statusCode }, connection: Socket) => {
        socket = connection
        if (statusCode !== 200) return reject(new RefusedByProxyError(statusCode))
        if (!isSecure) return resolve(connection)
        const secure = openTls(place, connection)
        return secure.on('error', reject).once('secureConnect', () => resolve(secure))
      })
      call.end()
    })
  } catch (error) {
    call.destroy()
    socket?.destroy()
    throw error
  }
}
