// How commands reach hosts with SSH: the console's, and the user's own server with the same host key checks and identities.
import { formatHost } from '../../address.ts'
import { connect, type SshConnection } from '../../ssh/connection.ts'
import { ConnectError, type FailureReason } from '../../ssh/connect-error.ts'
import { ConsoleError, type PublishError, type TunnelError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Options } from '../../options/flags.ts'
import { homeFolder, userName } from '../../files/home-folder.ts'
import { type AccessFinder, type AccessSources, createAccessFinder } from '../../ssh/access.ts'
import { createPrompter } from '../../ssh/prompter.ts'

type AccessOptions = Options<'identity' | 'knownHosts'> & Partial<Options<'hostKey' | 'hostKeyPolicy'>>

/**
 * Reaches hosts with SSH as the flags say, and otherwise as the user's ssh would.
 * @param earlier what questions to the user wait for; if it fails, they are not asked
 */
export function prepareAccess(
  options: AccessOptions,
  context: Context,
  wanted?: AccessSources['wanted'],
  earlier: Promise<unknown> = Promise.resolve(),
): AccessFinder {
  const { env, report } = context
  const prompter = createPrompter(context)
  return createAccessFinder({
    home: homeFolder(env),
    localUser: userName(env),
    env,
    identityFiles: options.identity,
    knownHostsFile: options.knownHosts,
    pins: options.hostKey ?? [],
    acceptNew: options.hostKeyPolicy === 'accept-new',
    wanted,
    prompter: prompter && {
      ask: async (question) => await earlier.then(() => prompter.ask(question)),
      askSecret: async (question) => await earlier.then(() => prompter.askSecret(question)),
    },
    report,
  })
}

const connectTimeoutMs = 30_000

/** Hints that differ from the console's. */
const hints: Partial<Record<FailureReason, string>> = {
  name: 'check the host name',
  refused: 'check its port, and that an SSH server runs there',
  authentication: 'add one of them to ~/.ssh/authorized_keys there, or name another with --identity',
}

/** Where to log in; absent fields default as in ssh. */
export interface SshTarget {
  user: string | undefined
  host: string
  port: number | undefined
}

/** `sftp://me@host:2222`, for people. */
export function describeTarget(scheme: string, { user, host, port }: SshTarget): string {
  return `${scheme}://${user === undefined ? '' : `${user}@`}${formatHost(host)}${port === undefined ? '' : `:${port}`}`
}

/** A server with its ssh configuration. Its keys are read, and passphrases asked for, once. */
export interface SshHost {
  /** Its name or address, resolved from an alias in the configuration. */
  host: string
  /** Logs in. @throws an error of the given class, or the signal's reason */
  connect: (signal: AbortSignal) => Promise<SshConnection>
}

/** Finds out how to reach a server. @throws an error of the given class */
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
    const finder = prepareAccess(options, context)
    const access = await finder.find({ host, port: port ?? 22 }, user ?? '', context.signal)
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
