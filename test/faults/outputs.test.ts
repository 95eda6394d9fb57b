// Blocked outputs: a terminal whose window stalls, a pipe whose reader sleeps. They must not delay a signal or a time limit.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { startChild } from './children.ts'
import { createTalkingDriver } from '../helpers/talking-machine.ts'
import { judge, machinesIn, publishImage } from './world.ts'

const flood = 'an ordinary line of a console\n'.repeat(500)

let image: Awaited<ReturnType<typeof publishImage>>
let lab: TestLab
let folder: string
beforeAll(async () => {
  image = await publishImage()
})
afterAll(() => image[Symbol.asyncDispose]())
beforeEach(async () => {
  lab = await startTestLab({ driver: createTalkingDriver(flood, { forEver: true }) })
  folder = await mkdtemp(join(tmpdir(), 'metalkit-outputs-'))
})
afterEach(async () => {
  await lab[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const run = (...args: string[]) => ['run', 'equinixmetal', '-base-url', image.baseUrl, ...args, image.prefix]
/** Waits until a number has not changed for a while. */
async function becomesStill(count: () => number): Promise<void> {
  let last = Number.NaN
  await waitUntil(
    async () => {
      const before = last
      last = count()
      await new Promise((resolve) => setTimeout(resolve, 300))
      return before === last
    },
    (still) => still,
  )
}

function makeFifo(): string {
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  return path
}

const isGone = (pid: number) => !existsSync(`/proc/${pid}`)

describe('a terminal that accepts no output', { ...needs('script', 'ps'), timeout: 60_000 }, () => {
  test.each([
    ['SIGTERM', ['-vv'], 143],
    ['--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
    ['SIGTERM', ['-vv', '-json'], 143],
  ] as const)('%s ends the run (%j)', async (end, args, code) => {
    using child = startChild(lab, run(...args), { terminal: true })
    await waitUntil(
      () => child.seen.out,
      (text) => text.includes('ordinary line'),
    )
    // script(1) is the other end of the terminal.
    const { pid: window = 0 } = child.process
    process.kill(window, 'SIGSTOP')
    if (end === 'SIGTERM') {
      // The terminal's buffer is full, and the machine has to wait.
      await becomesStill(() => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${child.pid()}/io`, 'utf8'))?.[1]))
      process.kill(child.pid(), 'SIGTERM')
    }
    await waitUntil(
      () => isGone(child.pid()),
      (gone) => gone,
      30_000,
    )
    expect(await machinesIn(lab)).toEqual([])
    process.kill(window, 'SIGCONT')
    expect(await child.code, child.seen.out).toBe(code)
    const [before, after] = child.terminal()
    expect(after).toBe(before)
  })
})

describe('--log and --record into a pipe', { ...needs('mkfifo', 'cat'), timeout: 60_000 }, () => {
  test.each(['-log', '-record'])('%s to a pipe without a reader is refused before anything is rented', async (flag) => {
    const fifo = makeFifo()
    using child = startChild(lab, run(flag, fifo))
    expect(await child.code, child.seen.err).toBe(2)
    expect(child.seen.err).toContain(`-${flag} "${fifo}" is a pipe that nobody reads; start its reader first`)
    expect(child.seen.err).not.toContain('Booting')
  })

  test.each([
    ['-log', 'SIGTERM', [], 143],
    ['-log', '--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
    ['-record', 'SIGTERM', [], 143],
    ['-record', '--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
  ] as const)('%s to a reader that stalls: %s ends the run', async (flag, end, args, code) => {
    const fifo = makeFifo()
    const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
    let kept = 0
    reader.stdout.on('data', (bytes: Buffer) => (kept += bytes.length))
    using child = startChild(lab, run(flag, fifo, ...args))
    try {
      await waitUntil(
        () => kept,
        (bytes) => bytes > flood.length,
      )
      reader.kill('SIGSTOP')
      // The output stops once the machine has to wait.
      await becomesStill(() => child.seen.out.length)
      if (end === 'SIGTERM') process.kill(child.pid(), 'SIGTERM')
      expect(await child.code, child.seen.err).toBe(code)
      expect(await judge(lab, { code, stdout: '', stderr: child.seen.err })).toEqual([])
      expect(await machinesIn(lab)).toEqual([])
    } finally {
      reader.kill('SIGKILL')
    }
  })

  test('the reader gets every byte; the run ends if the reader exits', async () => {
    const fifo = makeFifo()
    const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'inherit'] })
    let kept = ''
    reader.stdout.on('data', (bytes: Buffer) => (kept += bytes.toString()))
    using child = startChild(lab, run('-log', fifo))
    await waitUntil(
      () => kept,
      (text) => text.length > 10 * flood.length,
    )
    expect(child.seen.out.startsWith(kept.slice(0, 5 * flood.length))).toBe(true)
    reader.kill('SIGKILL')
    await once(reader, 'close')
    expect(await child.code, child.seen.err).toBe(7)
    expect(child.seen.err).toContain(`--log "${fifo}" can no longer be written: broken pipe; its reader has exited`)
    expect(await machinesIn(lab)).toEqual([])
  })
})

test('stdout and stderr in one file: each message begins on a new line', { timeout: 60_000 }, async () => {
  await using talking = await startTestLab({ driver: createTalkingDriver('half a line') })
  using child = startChild(talking, run('-wait-for', 'half a line'), { shell: 'PROGRAM > all 2>&1' })
  expect(await child.code).toBe(0)
  const all = readFileSync(join(child.folder, 'all'), 'utf8')
  expect(all).toContain('half a line\nThe console showed every pattern of --wait-for.\n')
})
