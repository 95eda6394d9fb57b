// A console over SSH: a server that is the console (OpenBMC's port 2200), or a BMC in whose shell a line is typed first.
import { isAbsolute, join } from 'node:path'
import type { ClientChannel } from 'ssh2'
import { settleBefore } from '../../deadline.ts'
import { ConsoleError } from '../../errors.ts'
import { homeFolder, userName } from '../../files/home-folder.ts'
import type { Reporter } from '../../io.ts'
import { createAccessFinder } from '../../ssh/access.ts'
import { ConnectError, type FailureReason, quoteAddress } from '../../ssh/connect-error.ts'
import { connect, type SshConnection } from '../../ssh/connection.ts'
import { sendBreak } from '../../ssh/serial-break.ts'
import type { SshConsoleSettings } from '../file/console-settings.ts'
import { readSecret, type SecretSources } from '../file/secret.ts'
import { awaitPrompt, HotKeyFilter, PromptWatch } from './bmc-shell.ts'
import { LinkError } from './console-error.ts'
import { type Connect, type Link, maxWaitingInput } from './link.ts'

const connectMs = 20_000
const openMs = 10_000

interface SshOptions {
  /** The machine's name. */
  machine: string
  secrets: SecretSources
  report: Reporter
}

/** Remedies; the file, not a command line, says how to log in. */
const hints: Partial<Record<FailureReason, string>> = {
  'host-key': 'compare it with what the operator of the BMC says, and write it as hostKey into the rack file',
  authentication: 'check the user, password and identity of its console in the rack file',
}

function reword(error: unknown): unknown {
  if (error instanceof ConnectError) {
    const hint = hints[error.reason]
    const refused = error.reason === 'host-key' || error.reason === 'authentication'
    return new LinkError(error.message, { cause: error, refused, ...(hint === undefined ? {} : { hint }) })
  }
  if (!(error instanceof ConsoleError)) return error
  return new LinkError(error.message, {
    cause: error,
    refused: true,
    hint: 'write password or identity for its console into the rack file',
  })
}

async function logIn(
  settings: SshConsoleSettings,
  { machine, secrets, report }: SshOptions,
  signal: AbortSignal,
): Promise<SshConnection> {
  const { address, user, identity, hostKey } = settings
  const { env, folder } = secrets
  const password =
    settings.password === undefined
      ? undefined
      : await readSecret(settings.password, `the console password of "${machine}"`, secrets)
  const isOwnPath = identity === undefined || isAbsolute(identity) || identity.startsWith('~/')
  const finder = createAccessFinder({
    home: homeFolder(env),
    localUser: userName(env),
    env,
    identityFiles: identity === undefined ? [] : [isOwnPath ? identity : join(folder, identity)],
    password,
    knownHostsFile: undefined,
    pins: hostKey === undefined ? [] : [hostKey],
    acceptNew: false,
    wanted: undefined,
    prompter: undefined,
    report,
  })
  return await connect({ ...(await finder.find(address, user, signal)), signal, timeoutMs: connectMs })
}

async function openShell(connection: SshConnection, place: string, signal: AbortSignal) {
  const late = () => {
    throw new LinkError(`${place} does not open a shell within ${openMs / 1000} s`)
  }
  // BMCs want a terminal.
  const window = { term: 'vt100', cols: 80, rows: 24, width: 0, height: 0, modes: {} }
  const channel = await settleBefore<ClientChannel>({ ms: openMs, late, signal }, (resolve, reject) => {
    connection.client.shell(window, (error, opened) => {
      if (error === undefined) return resolve(opened)
      return reject(
        connection.failure() ?? new LinkError(`${place} refuses a shell: ${error.message}`, { cause: error }),
      )
    })
  })
  channel.on('error', () => {})
  channel.stderr.resume()
  return channel
}

/** Connects over SSH. */
export function connectSsh(settings: SshConsoleSettings, options: SshOptions): Connect {
  const { entry } = settings
  const place = quoteAddress(settings.address)
  return async ({ onOutput, signal }): Promise<Link> => {
    let connection: SshConnection | undefined
    try {
      connection = await logIn(settings, options, signal)
      const ssh = connection
      const channel = await openShell(ssh, place, signal)
      let prompt = ''
      if (entry !== undefined) {
        prompt = await awaitPrompt(channel, signal)
        channel.write(`${entry}\r`)
      }
      const watch = new PromptWatch(prompt)
      const hotKeys = entry === undefined ? undefined : new HotKeyFilter()
      const lost = new Promise<string>((resolve) => {
        channel.on('data', (bytes: Buffer) => {
          onOutput(bytes)
          if (watch.sees(bytes)) resolve(`${place} has left the console: it shows its prompt again`)
        })
        channel.once('close', () => resolve(ssh.failure()?.message ?? `${place} ended the console`))
        ssh.client.once('close', () => resolve(ssh.failure()?.message ?? `${place} closed the connection`))
      })
      return {
        type(bytes) {
          const typed = hotKeys?.filter(bytes) ?? bytes
          if (channel.writable && channel.writableLength < maxWaitingInput) channel.write(typed)
        },
        sendBreak: () => sendBreak(ssh.client, channel),
        lost,
        close: async () => await ssh[Symbol.asyncDispose](),
      }
    } catch (error) {
      await connection?.[Symbol.asyncDispose]()
      throw reword(error)
    }
  }
}
