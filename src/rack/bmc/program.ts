// Runs a program for a machine: with an environment of its own, a time limit, bounded output, and all its children ended with it.
import { spawn } from 'node:child_process'
import { within } from '../../deadline.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'

const maxOutputBytes = 64 * 1024

/** A program to run. */
export interface ProgramCall {
  program: string
  args: readonly string[]
  /** The whole environment. */
  env: Record<string, string | undefined>
  cwd?: string | undefined
  timeoutMs: number
  signal: AbortSignal
}

/** How a program ended. */
export interface ProgramEnd {
  /**
   * `exited`, with a code; `killed`, by a signal from outside; `late`: it took too long; `missing`:
   * there is no such program; `refused`: the system did not start it, for the reason in `stderr`.
   */
  end: 'exited' | 'killed' | 'late' | 'missing' | 'refused'
  code: number
  stdout: string
  stderr: string
}

/** The variables that programs need and that hold no secret. */
export function plainEnvironment(env: Record<string, string | undefined>): Record<string, string> {
  const { PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME } = env
  return { PATH, LC_ALL: 'C', ...(HOME === undefined ? {} : { HOME }) }
}

/** Runs a program to its end. @throws the signal's reason */
export async function runProgram({ program, args, env, cwd, timeoutMs, signal }: ProgramCall): Promise<ProgramEnd> {
  signal.throwIfAborted()
  const child = spawn(program, args, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that the children of a shell end too.
    detached: true,
  })
  const texts = { stdout: '', stderr: '' }
  const collect = (name: 'stdout' | 'stderr') => (bytes: Buffer) => {
    if (texts[name].length < maxOutputBytes) texts[name] += bytes.toString()
  }
  child.stdout.on('data', collect('stdout'))
  child.stderr.on('data', collect('stderr'))
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It has just ended.
    }
    // A grandchild in another group may hold the pipes.
    child.stdout.destroy()
    child.stderr.destroy()
  }
  const limit = within(Math.ceil(timeoutMs), signal)
  limit.addEventListener('abort', kill, { once: true })
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    signal.throwIfAborted()
    return { end: limit.aborted ? 'late' : code === null ? 'killed' : 'exited', code: code ?? 0, ...texts }
  } catch (error) {
    signal.throwIfAborted()
    const why = errorCode(error)
    if (why === undefined) throw error
    if (why === 'ENOENT') return { end: 'missing', code: 0, ...texts }
    return { end: 'refused', code: 0, stdout: '', stderr: describeCondition(error) }
  } finally {
    limit.removeEventListener('abort', kill)
  }
}
