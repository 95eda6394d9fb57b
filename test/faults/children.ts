// The built program as a child process, in a terminal of its own or in a pipe, and its remains after its end.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { labEnvironment } from '../../src/lab/environment.ts'
import { quoteValue } from '../../src/text/shell-word.ts'
import type { TestLab } from '../helpers/lab.ts'
import { program } from '../helpers/program.ts'

/** A child that runs the program, and its output. */
export interface Child extends Disposable {
  process: ChildProcess
  folder: string
  seen: { out: string; err: string }
  /** The process id of the program itself, once it runs. */
  pid(): number
  /** The exit code of the program; NaN if it was not recorded. */
  code: Promise<number>
  /** The output of stty before and after; both are empty without a terminal. */
  terminal(): [before: string, after: string]
  /** Processes of its session that are still running. */
  survivors(): string
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}

/**
 * Starts the program. `shell` is the command line: `PROGRAM` in it stands for the program with its arguments, such as
 * `PROGRAM | head -1`, and `COMMAND` for the same as one simple command, such as `timeout 3 COMMAND`; at a terminal it gets one from script(1).
 * `as` is what executes the program: Node, as most tests do; the file itself (`installed`); or a shell that reads its first lines.
 */
export function startChild(
  lab: TestLab,
  args: readonly string[],
  { shell = 'PROGRAM', terminal = false, as = 'node' }: { shell?: string; terminal?: boolean; as?: string } = {},
): Child {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-child-'))
  mkdirSync(join(folder, 'home'))
  const executor = as === 'installed' ? [] : as === 'node' ? [process.execPath] : as.split(' ')
  const words = [...executor, program, ...args].map(quoteValue).join(' ')
  // The shell that runs exec becomes the program, so its process id is the program's.
  const notes = `echo $$ > ${folder}/pid; ps -o sid= -p $$ > ${folder}/session`
  const noted = `{ sh -c ${quoteValue(`${notes}; exec ${words}`)}; echo $? > ${folder}/code; }`
  const lines = [
    terminal ? `stty -g > ${folder}/before` : '',
    shell.replace('PROGRAM', () => noted).replace('COMMAND', () => `sh -c ${quoteValue(`${notes}; exec ${words}`)}`),
    terminal ? `stty -g > ${folder}/after` : '',
  ]
  const script = lines.filter((line) => line !== '').join('\n')
  const env = {
    ...labEnvironment(lab),
    PATH: process.env['PATH'] ?? '',
    HOME: join(folder, 'home'),
    TERM: 'xterm',
    SHELL: '/bin/sh',
  }
  const child = terminal
    ? spawn('script', ['-qec', script, '/dev/null'], { env, cwd: folder })
    : spawn('sh', ['-c', script], { env, cwd: folder, detached: true })
  const seen = { out: '', err: '' }
  child.stdout.on('data', (bytes: Buffer) => (seen.out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (seen.err += bytes.toString()))
  child.stdin.on('error', () => {})
  const pid = () => Number(read(join(folder, 'pid')) || Number.NaN)
  const code = once(child, 'close').then(() => Number(read(join(folder, 'code')) || Number.NaN))
  return {
    process: child,
    folder,
    seen,
    pid,
    code,
    terminal: () => [read(join(folder, 'before')), read(join(folder, 'after'))],
    survivors() {
      const session = read(join(folder, 'session'))
      if (session === '') throw new Error('the program has not begun')
      return psOf(['-o', 'pid=,args=', '-s', session])
    },
    [Symbol.dispose]() {
      child.kill('SIGKILL')
      if (pid() > 0 && psOf(['-o', 'args=', '-p', String(pid())]).includes(program)) process.kill(pid(), 'SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The output of ps; empty if the process does not exist. */
function psOf(args: readonly string[]): string {
  try {
    return execFileSync('ps', args, { encoding: 'utf8' }).trim()
  } catch {
    return ''
  }
}
