// A console's line over connections that come and go.
import { EventEmitter, once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { serialBufferBytes } from '../../../src/lab/machines/serial-line.ts'
import { LinkError } from '../../../src/rack/console/console-error.ts'
import { LastingLine } from '../../../src/rack/console/lasting-line.ts'
import type { Connect, LinkHooks } from '../../../src/rack/console/link.ts'
import { createFastClock } from '../../helpers/clock.ts'
import { createRecorder } from '../../helpers/recorder.ts'

/** A peer that the test makes fail. */
function createPeer() {
  const typed: string[] = []
  let attempts = 0
  let closed = 0
  let failure: Error | undefined
  let hang = false
  let hooks: LinkHooks | undefined
  let lose: ((why: string) => void) | undefined
  const connect: Connect = async (given) => {
    attempts++
    if (hang)
      await new Promise((_, reject) => given.signal.addEventListener('abort', () => reject(given.signal.reason)))
    if (failure !== undefined) throw failure
    hooks = given
    return {
      type: (bytes) => void typed.push(bytes.toString()),
      sendBreak: () => typed.push('BREAK') > 0,
      lost: new Promise((resolve) => (lose = resolve)),
      close: () => Promise.resolve(void closed++),
    }
  }
  return {
    connect,
    typed,
    attempts: () => attempts,
    closed: () => closed,
    print: (text: string | Buffer) => hooks?.onOutput(Buffer.from(text)),
    lose: (why: string) => lose?.(why),
    refuse: (error?: Error) => (failure = error),
    hang: () => (hang = true),
  }
}

const open: LastingLine[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((line) => line[Symbol.asyncDispose]()))
})

function createLine(connect: Connect, factor = 100) {
  const report = createRecorder()
  const clock = createFastClock(factor)
  const triedMs: number[] = []
  const noting: Connect = (hooks) => {
    triedMs.push(clock.monotonicMs())
    return connect(hooks)
  }
  const line = new LastingLine({ name: 'the console of "r1"', connect: noting, report, clock })
  open.push(line)
  /** The waits between attempts, on the line's clock. */
  const waitsMs = () => triedMs.slice(1).map((ms, index) => ms - (triedMs[index] ?? 0))
  return { line, lines: report.lines, waitsMs }
}

test('a loss and a return are reported once each, and the line goes on', async () => {
  const peer = createPeer()
  const { line, lines } = createLine(peer.connect)
  let output = ''
  line.line.on('data', (bytes: Buffer) => (output += bytes.toString()))
  await line.tried
  peer.print('one ')
  peer.refuse(new LinkError('it is unplugged'))
  peer.lose('the plug was pulled')
  await expect.poll(() => peer.attempts()).toBeGreaterThan(4)
  expect(lines.filter((one) => one.includes('the plug was pulled'))).toEqual([
    'the console of "r1" is lost: the plug was pulled; it is tried again until it opens',
  ])
  peer.refuse()
  await expect.poll(() => lines.at(-1)).toBe('the console of "r1" is open again')
  peer.print('two')
  line.line.write('typed')
  await expect.poll(() => output).toBe('one two')
  expect(peer.typed).toEqual(['typed'])
  expect(peer.closed()).toBe(1)
})

test('input without a connection is lost, and a break is reported as impossible', async () => {
  const peer = createPeer()
  peer.refuse(new LinkError('it is unplugged'))
  const { line, lines } = createLine(peer.connect)
  await line.tried
  line.line.write('rm -rf /\r')
  line.sendBreak()
  expect(lines.at(-1)).toBe('the console of "r1" cannot send a break now')
  peer.refuse()
  await expect.poll(() => lines.at(-1)).toBe('the console of "r1" is open again')
  line.line.write('uptime\r')
  line.sendBreak()
  await expect.poll(() => peer.typed).toEqual(['uptime\r', 'BREAK'])
})

test('output that nobody reads is bounded, and reading goes on afterwards', async () => {
  const peer = createPeer()
  const { line } = createLine(peer.connect)
  await line.tried
  for (let count = 0; count < 100; count++) peer.print(Buffer.alloc(100_000, 'x'))
  expect(line.line.readableLength).toBeLessThan(serialBufferBytes + 200_000)
  let output = ''
  line.line.on('data', (bytes: Buffer) => (output += bytes.toString()))
  await expect.poll(() => line.line.readableLength).toBe(0)
  peer.print('the end')
  await expect.poll(() => output.endsWith('the end')).toBe(true)
})

test('a peer that accepts and drops each connection is tried ever more rarely, and reported once', async () => {
  const peer = createPeer()
  const { line, lines, waitsMs } = createLine(async (hooks) => {
    const link = await peer.connect(hooks)
    return { ...link, lost: Promise.resolve('it closed the connection') }
  })
  await line.tried
  await expect.poll(() => peer.attempts(), { timeout: 20_000 }).toBeGreaterThanOrEqual(8)
  expect(lines.filter((one) => one.includes('tried again'))).toHaveLength(1)
  expect(lines.filter((one) => one.includes('open again'))).toEqual([])
  // A timer may end a millisecond early, which is 100 ms on the fast clock.
  for (const [index, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
    expect(waitsMs()[index], `wait ${index}`).toBeGreaterThan(seconds * 1000 - 200)
  }
})

test('a refused login is not repeated for minutes, since BMCs lock accounts', async () => {
  const peer = createPeer()
  peer.refuse(new LinkError('wrong password', { refused: true }))
  const { line, lines, waitsMs } = createLine(peer.connect, 1000)
  await line.tried
  expect(lines).toEqual(['the console of "r1" cannot be opened: wrong password; it is tried again until it opens'])
  await expect.poll(() => peer.attempts(), { timeout: 5000 }).toBeGreaterThanOrEqual(2)
  // A timer may end a millisecond early, which is a second on the fast clock.
  expect(waitsMs()[0]).toBeGreaterThan(298_000)
})

test('reasons that change for ever are not reported for ever', async () => {
  let count = 0
  const report = { warned: [] as string[], warn: (one: string) => void report.warned.push(one), info() {}, detail() {} }
  const connect = () => Promise.reject(new LinkError(`reason ${count++}`))
  const line = new LastingLine({ name: 'the console', connect, report, clock: createFastClock(10_000) })
  open.push(line)
  await expect.poll(() => count).toBeGreaterThan(20)
  expect(report.warned).toHaveLength(5)
})

test('disposing ends an attempt that hangs, and the line', async () => {
  const peer = createPeer()
  peer.hang()
  const { line } = createLine(peer.connect)
  let ended = false
  line.line.on('end', () => (ended = true)).resume()
  await expect.poll(() => peer.attempts()).toBe(1)
  await line[Symbol.asyncDispose]()
  await expect.poll(() => ended).toBe(true)
  line.line.write('too late', () => {})
  expect(peer.attempts()).toBe(1)
})

test('an attempt that hangs is given up', async () => {
  const peer = createPeer()
  peer.hang()
  const { line, lines } = createLine(peer.connect, 1000)
  await line.tried
  expect(lines[0]).toContain('it does not open within 45 s')
  await expect.poll(() => peer.attempts()).toBeGreaterThan(1)
})

test('an attempt that heeds no signal is given up too, and what it opens later is closed', async () => {
  const peer = createPeer()
  const hung = new EventEmitter()
  let attempts = 0
  const { line, lines } = createLine(async (hooks) => {
    attempts++
    await once(hung, 'release')
    return await peer.connect(hooks)
  }, 1000)
  await line.tried
  expect(lines[0]).toContain('it does not open within 45 s')
  const disposing = line[Symbol.asyncDispose]()
  hung.emit('release')
  await disposing
  await expect.poll(() => peer.closed()).toBe(attempts)
})
