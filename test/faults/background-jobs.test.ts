// A run that a shell starts with & at a terminal: the terminal stops a job that reads from it, with its machine rented.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { startTestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { machinesIn, publishImage } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(() => image[Symbol.asyncDispose]())

test(
  'a background job of a terminal runs to its end, and gives its machine back',
  needs('script', 'bash'),
  async () => {
    await using lab = await startTestLab({ pace: { queuedMs: 500 } })
    const shell = spawn('script', ['-qec', 'bash --norc -i', '/dev/null'], {
      env: { PATH: process.env['PATH'], HOME: lab.stateFolder, TERM: 'vt100', ...labEnvironment(lab) },
    })
    let seen = ''
    shell.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    const run = `run equinixmetal -base-url ${image.baseUrl} -wait-for 'is up' -timeout 60s ${image.prefix}`
    shell.stdin.write(`${process.execPath} ${program} ${run} &\n`)
    await waitUntil(
      () => seen,
      (text) => /The machine \S+ is deleted/.test(text),
    )
    shell.stdin.write('jobs; exit\n')
    await once(shell, 'close')
    expect(seen).not.toMatch(/Stopped|tty input|tty output/)
    expect(await machinesIn(lab)).toEqual([])
  },
)
