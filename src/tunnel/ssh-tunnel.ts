// A public URL through an SSH server: opened, checked, and reopened if the connection breaks, until it is disposed.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Address, formatAddress } from '../address.ts'
import { messageOf } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { checkFromOutside } from './check.ts'
import type { SshConnection } from '../ssh/connection.ts'
import { forwardPort } from './forward.ts'

/** A URL at which others reach this computer until it is disposed. */
export interface Tunnel extends AsyncDisposable {
  /** The URL without a trailing slash. */
  url: string
}

/** How a tunnel through an SSH server is made. */
export interface SshTunnelOptions {
  /** The server's name, which becomes the URL's host. */
  host: string
  /** The address on which the server listens. */
  bind: Address
  /** The local address it leads to. */
  local: Address
  connect: (signal: AbortSignal) => Promise<SshConnection>
  report: Pick<Reporter, 'info' | 'warn' | 'detail'>
  signal: AbortSignal
  /** The waits between attempts to connect again; the last one repeats. */
  retryMs?: readonly number[]
}

const defaultRetryMs = [1000, 2000, 5000, 10_000, 30_000]
const everywhere = new Set(['', '*', '0.0.0.0', '::'])

/** Opens a tunnel and checks that it works. @throws TunnelError, the errors of `connect`, or the signal's reason */
export async function openSshTunnel(options: SshTunnelOptions): Promise<Tunnel> {
  const { host, bind, local, connect, signal } = options
  let connection = await connect(signal)
  const ends = new AbortController()
  const name = everywhere.has(bind.host) ? host : bind.host
  let port: number
  try {
    const forward = await forwardPort(connection, { bind, local, server: host })
    ;({ port } = forward)
    await checkFromOutside(forward, { host: name, port }, signal)
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw error
  }
  const keeping = keepOpen(connection, { ...options, bind: { ...bind, port } }, ends.signal, (next) => {
    connection = next
  })
  return {
    url: `http://${formatAddress({ host: name, port })}`,
    async [Symbol.asyncDispose]() {
      ends.abort()
      await keeping
      await connection[Symbol.asyncDispose]()
    },
  }
}

/** Reopens broken connections on the same port until the signal aborts. */
async function keepOpen(
  first: SshConnection,
  { host, bind, local, connect, report, retryMs = defaultRetryMs }: SshTunnelOptions,
  end: AbortSignal,
  onOpen: (connection: SshConnection) => void,
): Promise<void> {
  let connection = first
  try {
    for (;;) {
      await waitForClose(connection, end)
      report.warn(`the tunnel through "${host}" broke: ${connection.failure()?.message ?? 'closed'}; connecting again`)
      for (let attempt = 0; ; attempt++) {
        await sleep(retryMs[Math.min(attempt, retryMs.length - 1)], undefined, { signal: end })
        const next = await reopen()
        if (next === undefined) continue
        connection = next
        onOpen(next)
        report.info(`the tunnel through "${host}" is back`)
        break
      }
    }
  } catch (error) {
    if (!end.aborted) throw error
  }

  async function reopen(): Promise<SshConnection | undefined> {
    let next: SshConnection | undefined
    try {
      next = await connect(end)
      await forwardPort(next, { bind, local, server: host })
      return next
    } catch (error) {
      await next?.[Symbol.asyncDispose]()
      end.throwIfAborted()
      report.detail(`the tunnel is not back: ${messageOf(error)}`)
      return undefined
    }
  }
}

/** Waits for the end of a connection; an error is only the reason for the end. @throws the signal's reason */
async function waitForClose(connection: SshConnection, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    connection.client.once('close', () => resolve())
    if (connection.failure() !== undefined) resolve()
  })
}
