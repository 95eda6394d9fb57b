// Helpers of the console tests: streams that record, and a reporter whose lines can be read.
import { PassThrough, Writable } from 'node:stream'
import type { Clock } from '../../src/clock.ts'
import { createReporter, type Input, type Output, type Reporter } from '../../src/io.ts'
import { type AccessFinder, type AccessSources, createAccessFinder } from '../../src/ssh/access.ts'
import type { HostAccess } from '../../src/ssh/connection.ts'
import { KnownHosts, parseKnownHosts } from '../../src/ssh/known-hosts.ts'
import { HostTrust } from '../../src/ssh/host-key-trust.ts'
import type { TestKey } from '../helpers/sshd.ts'

/** A stdout that records its input; a slow one takes a while for each chunk. */
export type Screen = Output & {
  text(): string
  bytes(): number
  /** The largest number of bytes that ever waited in it. */
  peak(): number
  resize(columns: number, rows: number): void
}

export function createScreen({ slowMs = 0 } = {}): Screen {
  const chunks: Buffer[] = []
  let peak = 0
  const stream: Writable = new Writable({
    highWaterMark: 16_384,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      peak = Math.max(peak, stream.writableLength)
      if (slowMs > 0) setTimeout(done, slowMs)
      else done()
    },
  })
  const screen: Screen = Object.assign(stream, {
    columns: 100,
    rows: 40,
    text: () => Buffer.concat(chunks).toString(),
    bytes: () => chunks.reduce((total, chunk) => total + chunk.length, 0),
    peak: () => peak,
    resize(columns: number, rows: number) {
      Object.assign(screen, { columns, rows })
      screen.emit('resize')
    },
  })
  return screen
}

/** A keyboard at a terminal; `raw` records the calls of setRawMode, and the reads that were pending then. */
export function createKeyboard(): Input & PassThrough & { raw: boolean[] } {
  const raw: boolean[] = []
  return Object.assign(new PassThrough(), { isTTY: true, raw, setRawMode: (on: boolean) => raw.push(on) })
}

export function createLog(verbosity = 1): { report: Reporter; text: () => string } {
  const screen = createScreen()
  return { report: createReporter({ stderr: screen, verbosity }), text: () => screen.text() }
}

/** Access to a host in tests: its known keys, no identities, no prompt. */
export function accessTo({ host, port }: { host: string; port: number }, knownHosts: KnownHosts): HostAccess {
  const { report } = createLog()
  const keys = new HostTrust({ knownHosts, pins: [], acceptNew: false, prompter: undefined, hash: false, report })
  return { address: { host, port }, place: { host, port }, trust: keys, identities: { keys: [] }, via: [] }
}

/** known_hosts in memory, from lines; the host is added to each. */
export function trust(place: { host: string; port: number }, ...keys: TestKey[]): KnownHosts {
  const lines = keys.map(({ line }) => `[${place.host}]:${place.port} ${line}\n`)
  return new KnownHosts(['known_hosts'], parseKnownHosts(lines.join(''), 'known_hosts'))
}

/** A clock that jumps instead of waiting. */
export function createJumpingClock(): Clock {
  let skippedMs = 0
  return {
    now: () => performance.now() + skippedMs,
    monotonicMs: () => performance.now() + skippedMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      skippedMs += ms
      await new Promise((resolve) => setTimeout(resolve, 1))
      signal?.throwIfAborted()
    },
    toRealMs: (ms) => ms,
  }
}

/** Polls until a condition holds. */
export async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !holds();) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${String(holds)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Finds hosts by the configuration in a home folder, without a terminal and without flags. */
export function createFinder(home: string, more: Partial<AccessSources> = {}): AccessFinder {
  return createAccessFinder({
    home,
    localUser: 'nobody',
    env: {},
    identityFiles: [],
    knownHostsFile: undefined,
    pins: [],
    acceptNew: false,
    wanted: undefined,
    prompter: undefined,
    report: createLog().report,
    ...more,
  })
}
