// The outside world of a cloud that a test opens in its own process: no terminal, no input.
import { PassThrough } from 'node:stream'
import type { Io } from '../../src/io.ts'

/** Streams that nobody reads, and signals that never abort. */
export function createIo(env: Io['env']): Io {
  const { signal } = new AbortController()
  return {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env,
    signal,
    forced: signal,
    end: () => {},
  }
}
