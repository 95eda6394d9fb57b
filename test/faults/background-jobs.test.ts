// A run that a shell starts with & in a terminal: if it reads, the terminal stops it while its machine is rented.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { attendedMachines, startTestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { machinesIn, publishImage } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(() => image[Symbol.asyncDispose]())

/** Runs `run` at the terminal of a real bash; `around` is the command line, with RUN for the run. */
async function atTerminal(around: string, pattern: string): Promise<{ seen: string; left: number }> {
  await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 500 } })
  const shell = spawn('script', ['-qec', 'bash --norc -i', '/dev/null'], {
    env: { PATH: process.env['PATH'], HOME: lab.stateFolder, TERM: 'vt100', ...labEnvironment(lab) },
  })
  let seen = ''
  shell.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  const words = `run equinixmetal -base-url ${image.baseUrl} -wait-for '${pattern}' -timeout 60s ${image.prefix}`
  shell.stdin.write(`${around.replace('RUN', `${process.execPath} ${program} ${words}`)}\n`)
  await waitUntil(
    () => seen,
    (text) => /The machine \S+ is deleted/.test(text),
  )
  shell.stdin.write('jobs; exit\n')
  await once(shell, 'close')
  return { seen, left: (await machinesIn(lab)).length }
}

test.each([
  ['a background job', 'RUN &', 'is up'],
  ['a background job that reads a pipe', `RUN < <(sleep 5; printf 'echo from-file\\r') &`, '^from-file'],
  ['a job started by timeout', 'timeout 60 RUN', 'is up'],
])(
  '%s of a terminal runs to its end, and deletes its machine',
  needs('script', 'bash', 'timeout'),
  async (_name, around, pattern) => {
    const { seen, left } = await atTerminal(around, pattern)
    expect(seen).toContain('The console showed every pattern of --wait-for.')
    expect(seen).not.toMatch(/Stopped|tty input|tty output/)
    expect(left).toBe(0)
  },
)
