// SSH to a server of the user's own, with the host keys and the keys that the console goes by.
import { formatHost } from '../../address.ts'
import { connect, type Connection } from '../../ssh/connection.ts'
import { ConnectError, type FailureReason } from '../../ssh/connect-error.ts'
import { ConsoleError, type PublishError, type TunnelError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { prepareAccess } from './access.ts'

const connectTimeoutMs = 30_000

/** What differs from what a console would have people do. */
const hints: Partial<Record<FailureReason, string>> = {
  name: 'check the host name',
  authentication: 'add one of them to ~/.ssh/authorized_keys there, or name another with --identity',
}

/** Where to log in; what is absent is what ssh would take. */
export interface SshTarget {
  user: string | undefined
  host: string
  port: number | undefined
}

/** `sftp://me@host:2222`, for people. */
export function describeTarget(scheme: string, { user, host, port }: SshTarget): string {
  return `${scheme}://${user === undefined ? '' : `${user}@`}${formatHost(host)}${port === undefined ? '' : `:${port}`}`
}

/** A server as ssh's configuration has it. Its keys are read, and passphrases asked for, once. */
export interface SshHost {
  /** Its name or address, which an alias of the configuration may stand for. */
  host: string
  /** Logs in. @throws an error of the kind given, saying why not, or the signal's reason */
  connect: (signal: AbortSignal) => Promise<Connection>
}

/** Finds out how a server is reached. @throws an error of the kind given, saying why not */
export async function findSsh(
  { user, host, port }: SshTarget,
  options: Options<'identity' | 'knownHosts'>,
  context: Context,
  Failure: typeof PublishError | typeof TunnelError,
): Promise<SshHost> {
  const explain = (error: unknown) => {
    if (!(error instanceof ConsoleError)) return error
    const hint = (error instanceof ConnectError ? hints[error.reason] : undefined) ?? error.hint
    return new Failure(error.message, { cause: error, ...(hint === undefined ? {} : { hint }) })
  }
  try {
    const access = await prepareAccess(options, context).find({ host, port: port ?? 22 }, user ?? '')
    return {
      host: access.address.host,
      async connect(signal) {
        try {
          return await connect({ ...access, signal, timeoutMs: connectTimeoutMs })
        } catch (error) {
          throw explain(error)
        }
      },
    }
  } catch (error) {
    throw explain(error)
  }
}
