// The command that a lab is started for: found as a shell finds it, run in the lab's terminal, and ended with the lab.
import { spawn } from 'node:child_process'
import { constants as fsConstants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { InterruptedError } from '../errors.ts'
import { leash } from './state/leash.ts'

/** What a shell says of a command: where it is, or the exit code for one that is missing (127) or cannot be run (126). */
export type FoundCommand = { path: string } | { exitCode: 126 | 127; why: string }

/** Looks for a command in the folders of a PATH. */
export async function findCommand(name: string, searchPath: string): Promise<FoundCommand> {
  const paths = name.includes('/')
    ? [name]
    : searchPath.split(delimiter).map((folder) => join(folder === '' ? '.' : folder, name))
  let exists = false
  for (const path of paths) {
    const status = await stat(path).catch(() => undefined)
    if (status === undefined) continue
    exists = true
    if (!status.isFile()) continue
    const runs = await access(path, fsConstants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return { path }
  }
  return exists
    ? { exitCode: 126, why: `"${name}" cannot be executed` }
    : { exitCode: 127, why: `"${name}" is not a command on this computer` }
}

/** How long a command that was told twice to end may still speak. */
const lastWordsMs = 5000

/** Signals that a terminal sends to the whole process group. */
const fromTerminal: ReadonlySet<string> = new Set(['SIGINT', 'SIGHUP', 'SIGQUIT'])

/** What a command runs in. */
export interface InnerCommandOptions {
  env: Record<string, string | undefined>
  /** Whether stdin is a terminal: then the terminal sends its signals to the command itself. */
  atTerminal: boolean
  signal: AbortSignal
  forced: AbortSignal
}

/**
 * Runs a command without a shell on this process's streams, and passes signals on.
 * @returns its exit code; 128 and the signal's number where a signal ended it
 */
export async function runInnerCommand(command: readonly string[], options: InnerCommandOptions): Promise<number> {
  const { env, atTerminal, signal, forced } = options
  signal.throwIfAborted()
  const [file = '', ...args] = await leash(command, 'TERM')
  const child = spawn(file, args, { stdio: 'inherit', env })
  const pass = ({ reason }: AbortSignal) => {
    const heard = reason instanceof InterruptedError ? reason.signal : 'SIGTERM'
    // Programs ignore SIGPIPE when they write to a terminal or a pipe of their own.
    const name = heard === 'SIGPIPE' ? 'SIGTERM' : heard
    // Ctrl-C and a closed terminal reach the whole process group already.
    if (!atTerminal || !fromTerminal.has(name)) child.kill(name)
  }
  let timer: NodeJS.Timeout | undefined
  const onSignal = () => pass(signal)
  const onForced = () => {
    pass(forced)
    timer = setTimeout(() => child.kill('SIGKILL'), lastWordsMs)
  }
  signal.addEventListener('abort', onSignal)
  forced.addEventListener('abort', onForced)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, name) => resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])))
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onSignal)
    forced.removeEventListener('abort', onForced)
  }
}
