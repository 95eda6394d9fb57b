// The command that runs inside a lab: it is looked up as a shell does, runs in the lab's terminal, and ends with the lab.
import { spawn } from 'node:child_process'
import { constants as fsConstants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { abortAfter } from '../deadline.ts'
import { InterruptedError } from '../errors.ts'
import { leash } from './storage/leash.ts'

/** The result of a shell's lookup: the command's path, or the exit code if it is missing (127) or cannot be executed (126). */
export type FoundProgram = { path: string } | { exitCode: 126 | 127; why: string }

/** Looks for a command in the folders of a PATH. */
export async function findProgram(name: string, searchPath: string): Promise<FoundProgram> {
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

/** How long a command may still run after the second signal. */
const lastWordsMs = 5000

/** Signals that a terminal sends to the whole process group. */
const fromTerminal: ReadonlySet<string> = new Set(['SIGINT', 'SIGHUP', 'SIGQUIT'])

/** The surroundings of a command. */
export interface InnerCommandOptions {
  env: Record<string, string | undefined>
  /** Whether stdin is a terminal, which sends its signals to the command directly. */
  atTerminal: boolean
  /** Whether SIGHUP ends nothing. Node resets that for its children, and only a shell can set it. */
  isToStay: boolean
  signal: AbortSignal
  forced: AbortSignal
}

/** A running command. */
export interface InnerCommand {
  /** Its exit code; if a signal ended it, 128 plus the signal's number. Rejected with the lab's own failure, if that ended it. */
  ended: Promise<number>
}

/** Starts a command without a shell on this process's streams, and passes signals on. */
export async function startInnerCommand(
  command: readonly string[],
  options: InnerCommandOptions,
): Promise<InnerCommand> {
  const { env, atTerminal, isToStay, signal, forced } = options
  signal.throwIfAborted()
  const deafened = isToStay ? ['sh', '-c', `trap '' HUP; exec "$@"`, 'sh', ...command] : command
  const [file = '', ...args] = await leash(deafened, 'TERM')
  const child = spawn(file, args, { stdio: 'inherit', env })
  const pass = ({ reason }: AbortSignal) => {
    const received = reason instanceof InterruptedError ? reason.signal : 'SIGTERM'
    // A program that writes to a terminal or to another pipe may ignore SIGPIPE.
    const name = received === 'SIGPIPE' ? 'SIGTERM' : received
    // Ctrl-C and the hang-up of a terminal reach the whole process group anyway.
    if (!atTerminal || !fromTerminal.has(name)) child.kill(name)
  }
  const end = abortAfter(forced, lastWordsMs)
  end.signal.addEventListener('abort', () => child.kill('SIGKILL'))
  const onSignal = () => pass(signal)
  const onForced = () => pass(forced)
  signal.addEventListener('abort', onSignal)
  forced.addEventListener('abort', onForced)
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, name) => {
      if (signal.aborted && !(signal.reason instanceof InterruptedError)) reject(signal.reason)
      else resolve(code ?? 128 + (name === null ? 0 : constants.signals[name]))
    })
  }).finally(() => {
    end[Symbol.dispose]()
    signal.removeEventListener('abort', onSignal)
    forced.removeEventListener('abort', onForced)
  })
  // It may fail before anybody waits for it.
  ended.catch(() => {})
  return { ended }
}
