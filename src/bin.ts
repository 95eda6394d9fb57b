#!/usr/bin/env node
// The only file that knows `process`: signals, streams, the environment and the exit code.
import { run } from './cli.ts'
import { InterruptedError } from './errors.ts'

const first = new AbortController()
const second = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => (first.signal.aborted ? second : first).abort(new InterruptedError(signal)))
}
// A reader that went away (`| head`, a closed terminal) is no reason to lose a machine: the run is told to end, and cleans up.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', () => first.abort(new InterruptedError('SIGHUP')))
// A defect in a callback must not lose one either.
process.on('uncaughtException', (error) => first.abort(error))

const { argv } = process
// A token given as a flag is taken out of the process list.
if (argv.some((arg) => /^--?api-key/.test(arg))) process.title = 'metalkit'
void run(argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: first.signal,
  forced: second.signal,
}).then((code) => process.exit(code))
