// A real bash with job control in a terminal of its own, whose window can be closed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { labEnvironment } from '../../src/lab/environment.ts'
import { type TestLab, waitUntil } from '../helpers/lab.ts'
import { program } from '../helpers/program.ts'
import { quoteValue } from '../../src/text/shell-word.ts'

/** A shell in a window. */
export interface Shell extends AsyncDisposable {
  folder: string
  /** The output in the window. */
  seen(): string
  type(keys: string): void
  /** Waits until the window has shown this text, after the position `since`. */
  shows(what: string | RegExp, since?: number): Promise<void>
  /** Closes the window, as if the terminal emulator were killed. */
  close(): void
  /** The process id of the run; NaN before it has started. */
  pid(): number
  /** State, foreground group and processor time of the run, as Linux shows them; undefined once it has ended. */
  look(): { state: string; group: number; foreground: number; cpuMs: number } | undefined
  /** The run's stderr, if it is a file. */
  errors(): string
}

const clockTickMs = 10

/** Opens a shell in which `./go` is `metalkit ARGS`. */
export async function openShell(lab: TestLab, args: readonly string[], interactive = 'bash --norc -i'): Promise<Shell> {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-shell-'))
  const words = [process.execPath, program, ...args].map(quoteValue).join(' ')
  const child = spawn(
    'script',
    ['-qefc', `printf '%s\\n' ${quoteValue(`echo $$ > pid; exec ${words}`)} > go; exec ${interactive}`, '/dev/null'],
    {
      cwd: folder,
      env: {
        ...labEnvironment(lab),
        PATH: process.env['PATH'],
        HOME: folder,
        TERM: 'vt100',
        SHELL: '/bin/sh',
        PS1: 'prompt> ',
        // bash writes its history as it ends, into a folder that is being removed.
        HISTFILE: '/dev/null',
      },
    },
  )
  let seen = ''
  child.stdout.on('data', (bytes: Buffer) => (seen += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (seen += bytes.toString()))
  child.stdin.on('error', () => {})
  const closed = once(child, 'close')
  const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trim() : '')
  const pid = () => Number(read('pid') || Number.NaN)
  const look = () => {
    try {
      const stat = readFileSync(`/proc/${pid()}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      const [state = '', , group, , , foreground, , , , , , user, system] = stat
      if (state === 'Z') return undefined
      return {
        state,
        group: Number(group),
        foreground: Number(foreground),
        cpuMs: (Number(user) + Number(system)) * clockTickMs,
      }
    } catch {
      return undefined
    }
  }
  const shell: Shell = {
    folder,
    seen: () => seen,
    type: (keys) => void child.stdin.write(keys),
    async shows(what, since = 0) {
      await waitUntil(
        () => seen.slice(since),
        (text) => (typeof what === 'string' ? text.includes(what) : what.test(text)),
        60_000,
      )
    },
    close: () => void child.kill('SIGKILL'),
    pid,
    look,
    errors: () => read('err'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
      if (look() !== undefined) process.kill(pid(), 'SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  await shell.shows('prompt> ')
  return shell
}
