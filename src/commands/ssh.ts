// SSH to a server of the user's own, with the host keys and the keys that the console goes by.
import { userInfo } from 'node:os'
import { connect, type Connection } from '../console/connection.ts'
import type { Context } from '../io.ts'
import type { Options } from '../options.ts'
import { prepareConsole } from './attach.ts'

const connectTimeoutMs = 30_000

/** Where to log in; what is absent is what ssh would take. */
export interface SshTarget {
  user: string | undefined
  host: string
  port: number | undefined
}

/** `sftp://me@host:2222`, for people. */
export function describeTarget(scheme: string, { user, host, port }: SshTarget): string {
  const place = host.includes(':') ? `[${host}]` : host
  return `${scheme}://${user === undefined ? '' : `${user}@`}${place}${port === undefined ? '' : `:${port}`}`
}

/** Logs in. @throws ConsoleError saying why not, or the signal's reason */
export async function connectSsh(
  { user, host, port }: SshTarget,
  options: Options<'identity' | 'knownHosts'>,
  context: Context,
): Promise<Connection> {
  const access = await prepareConsole(options, context)
  const username = user ?? userInfo().username
  const { signal } = context
  return await connect({
    ...access,
    address: { host, port: port ?? 22 },
    username,
    signal,
    timeoutMs: connectTimeoutMs,
  })
}
