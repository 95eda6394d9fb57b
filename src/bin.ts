#!/usr/bin/env node
// The only file that knows `process`: signals, streams, the environment and the exit code.
import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import { run } from './cli.ts'
import { ConsoleError, errorCode, InterruptedError } from './errors.ts'
import { unblock } from './io.ts'

const lastWordsMs = 1000
const outputs = new Set<NodeJS.WriteStream>()
const first = new AbortController()
const second = new AbortController()
// SIGQUIT is Ctrl-\ at a terminal: it must not lose a machine either, nor leave the terminal raw.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
  process.on(signal, () => (first.signal.aborted ? second : first).abort(new InterruptedError(signal)))
}
// A defect in a callback must not lose a machine: the run is told to end, and cleans up.
process.on('uncaughtException', (error) => first.abort(error))

/** Why the run is to end when its output cannot be written: a reader that left (`| head`), a closed terminal, a full disk. */
function reasonOf(error: unknown): Error {
  const code = errorCode(error)
  if (code === 'EPIPE') return new InterruptedError('SIGPIPE')
  if (code === 'EIO') return new InterruptedError('SIGHUP')
  return new ConsoleError(`the output cannot be written (${code ?? 'unknown'})`, { cause: error })
}

/** Output that cannot be written must not lose a machine either. */
function guard<S extends NodeJS.WriteStream>(stream: S): S {
  if (outputs.has(stream)) return stream
  outputs.add(stream)
  stream.on('error', (error) => first.abort(reasonOf(error)))
  if (stream.isTTY) unblock(stream)
  return stream
}

/** Waits until results are taken; the last words of a failure only for a moment, since a terminal may take nothing for ever. */
async function drain(code: number): Promise<void> {
  const slow = [...outputs].filter((stream) => !stream.destroyed && stream.writableLength > 0)
  if (slow.length === 0) return
  const enough = new AbortController()
  const giveUp = () => setTimeout(() => enough.abort(), lastWordsMs)
  if (code !== 0 || first.signal.aborted) giveUp()
  else first.signal.addEventListener('abort', giveUp)
  const taken = slow.map(async (stream) => await new Promise((resolve) => stream.write('', resolve)))
  await Promise.race([Promise.all(taken), once(enough.signal, 'abort')])
}

/** Whether stdout and stderr are one: a terminal, or a file or a pipe by `2>&1`. */
function doOutputsMeet(): boolean {
  try {
    const [stdout, stderr] = [fstatSync(1), fstatSync(2)]
    return stdout.ino === stderr.ino && stdout.dev === stderr.dev
  } catch {
    return false
  }
}

/** The terminal as the shell had it, whatever ends the program. */
function restoreTerminal(): void {
  if (process.stdin.isRaw) process.stdin.setRawMode(false)
}

/** Stops the whole job, as the terminal does on Ctrl-Z: a wrapper such as npx would go on else. */
async function suspend(): Promise<void> {
  const resumed = once(process, 'SIGCONT')
  process.kill(0, 'SIGTSTP')
  await resumed
}

const { argv } = process
// A token given as a flag is taken out of the process list.
if (argv.some((arg) => /^--?api-key/.test(arg))) process.title = 'metalkit'
void run(argv.slice(2), {
  // Each stream is made when it is first asked for: --help needs one of the three.
  get stdin() {
    if (process.listenerCount('exit') === 0) process.once('exit', restoreTerminal)
    return process.stdin
  },
  get stdout() {
    return guard(process.stdout)
  },
  get stderr() {
    return guard(process.stderr)
  },
  get outputsMeet() {
    return doOutputsMeet()
  },
  env: process.env,
  signal: first.signal,
  forced: second.signal,
  ...(process.platform === 'win32' ? {} : { suspend }),
}).then(async (code) => {
  await drain(code)
  process.exit(code)
})
