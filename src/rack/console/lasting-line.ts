// A serial line that outlives its connections: it connects again until it is closed, waits longer after each failure, and reports
// each loss and each return once.
import type { Clock } from '../../clock.ts'
import { heed, settleBefore, within } from '../../deadline.ts'
import { describeError, MetalkitError, UsageError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import { SerialLine } from '../../lab/machines/serial-line.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { LinkError } from './console-error.ts'
import type { Connect, Link } from './link.ts'

/** An attempt to connect ends after this time. */
const attemptMs = 45_000
const abandonMs = 2000
const firstWaitMs = 1000
const maxWaitMs = 30_000
/** After a refused login: many BMCs lock an account after a few. */
const refusedWaitMs = 300_000
/** A connection that lasts this long is not a failed attempt. */
const steadyMs = 3000
/** A peer may invent new reasons for ever. */
const maxReasons = 5

/** The parts of a line. */
export interface LineTools {
  /** The console in messages: `the console of "r1"`. */
  name: string
  connect: Connect
  report: Pick<Reporter, 'info' | 'warn' | 'detail'>
  clock: Clock
}

/** Trying again soon cannot help. */
function isRefusal(error: unknown): boolean {
  if (error instanceof LinkError) return error.refused
  return error instanceof UsageError || (error instanceof BmcError && error.reason === 'login')
}

/** Waits a moment for the end of an attempt that was given up, and closes a connection that it still makes. */
async function abandon(connecting: Promise<Link>): Promise<void> {
  const closed = connecting.then(
    (link) => link.close(),
    () => {},
  )
  await settleBefore<void>({ ms: abandonMs, late: () => {} }, (resolve) => void closed.then(resolve))
}

/** A serial line over one connection after another. It ends only when it is disposed. */
export class LastingLine implements AsyncDisposable {
  readonly line = new SerialLine()
  readonly #tools: LineTools
  readonly #over = new AbortController()
  /** The reasons reported since the line was steadily open. */
  readonly #reasons = new Set<string>()
  readonly #done: Promise<void>
  #link: Link | undefined
  #onTried = (): void => {}
  /** Fulfilled once the first attempt has succeeded or failed. */
  readonly tried = new Promise<void>((resolve) => {
    this.#onTried = resolve
  })

  constructor(tools: LineTools) {
    this.#tools = tools
    // Input without a connection is lost, as on a wire.
    this.line.on('error', () => {})
    this.line.onType = (bytes) => this.#link?.type(bytes)
    this.#done = this.#attend()
  }

  /** Sends a break, if the line is open and can. */
  sendBreak(): void {
    const sent = this.#link?.sendBreak() ?? false
    if (!sent) this.#tools.report.detail(`${this.#tools.name} cannot send a break now`)
  }

  async #attend(): Promise<void> {
    const { clock } = this.#tools
    const { signal } = this.#over
    let waitMs = firstWaitMs
    while (!signal.aborted) {
      const { lastedMs, why, refused } = await this.#connectOnce()
      this.#onTried()
      if (signal.aborted) return
      if (lastedMs >= steadyMs) waitMs = firstWaitMs
      this.#complain(why, lastedMs)
      await clock.sleep(refused ? refusedWaitMs : waitMs, signal).catch(() => {})
      waitMs = Math.min(waitMs * 2, maxWaitMs)
    }
  }

  /** One connection, from its attempt to its loss. */
  async #connectOnce(): Promise<{ lastedMs: number; why: string; refused: boolean }> {
    const { connect, clock } = this.#tools
    const { signal } = this.#over
    const limit = within(Math.ceil(clock.toRealMs(attemptMs)), signal)
    const connecting = connect({ onOutput: (bytes) => this.line.send(bytes), signal: limit })
    let link: Link
    try {
      // A file may hang without heeding a signal, such as a password on a network file system.
      link = await heed(connecting, limit)
    } catch (error) {
      await abandon(connecting)
      const isLate = error instanceof Error && error.name === 'TimeoutError'
      const why = isLate ? `it does not open within ${attemptMs / 1000} s` : describeTrouble(error)
      return { lastedMs: 0, why, refused: isRefusal(error) }
    }
    this.#link = link
    this.#onTried()
    const openedMs = clock.monotonicMs()
    const closed = new AbortController()
    void this.#welcome(AbortSignal.any([signal, closed.signal]))
    let why = ''
    try {
      why = await heed(link.lost, signal)
    } catch {
      // Disposed.
    }
    closed.abort()
    this.#link = undefined
    await link.close()
    return { lastedMs: clock.monotonicMs() - openedMs, why, refused: false }
  }

  /** Reports that a line is back, once it is steady. */
  async #welcome(signal: AbortSignal): Promise<void> {
    const { report, name, clock } = this.#tools
    try {
      await clock.sleep(steadyMs, signal)
    } catch {
      return
    }
    if (this.#reasons.size > 0) report.info(`${name} is open again`)
    this.#reasons.clear()
  }

  #complain(why: string, lastedMs: number): void {
    const { report, name } = this.#tools
    const line = lastedMs > 0 ? `${name} is lost: ${why}` : `${name} cannot be opened: ${why}`
    if (this.#reasons.has(why) || this.#reasons.size >= maxReasons) report.detail(line)
    else report.warn(`${line}${this.#reasons.size === 0 ? '; it is tried again until it opens' : ''}`)
    if (this.#reasons.size < maxReasons) this.#reasons.add(why)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await this.#done
    this.line.hangUp()
  }
}

/** The message and hint of an error, without its layer. */
function describeTrouble(error: unknown): string {
  if (!(error instanceof MetalkitError)) return describeError(error)
  return `${error.message}${error.hint === undefined ? '' : ` (${error.hint})`}`
}
