// The environment of a command that runs in the test's own process: readable streams, and signals to send.
import { PassThrough } from 'node:stream'
import { run } from '../../src/cli.ts'
import type { Clock } from '../../src/clock.ts'
import type { Io } from '../../src/io.ts'
import { nowhere } from './nowhere.ts'

/** Starts the program. `interrupt(reason)` is the first signal, `force(reason)` the second. */
export function start(
  argv: readonly string[],
  env: Record<string, string | undefined> = {},
  clock?: Clock,
  stdin: Io['stdin'] = new PassThrough(),
) {
  const first = new AbortController()
  const second = new AbortController()
  const texts = { stdout: '', stderr: '' }
  const capture = (name: 'stdout' | 'stderr') => {
    const stream = new PassThrough()
    stream.on('data', (chunk: Buffer) => {
      texts[name] += chunk.toString()
    })
    return stream
  }
  const io: Io = {
    stdin,
    stdout: capture('stdout'),
    stderr: capture('stderr'),
    env: { HOME: nowhere, ...env },
    signal: first.signal,
    forced: second.signal,
    end: (reason) => first.abort(reason),
    ...(clock === undefined ? {} : { clock }),
  }
  const code = run(argv, io)
  return {
    io,
    texts,
    code,
    interrupt: (reason: Error) => first.abort(reason),
    force: (reason: Error) => second.abort(reason),
  }
}

/** Runs the program to its end. */
export async function runToEnd(argv: readonly string[], env: Record<string, string | undefined> = {}) {
  const { texts, code } = start(argv, env)
  return { code: await code, ...texts }
}
