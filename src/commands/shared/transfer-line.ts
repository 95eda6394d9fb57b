// The progress of a transfer: one rewritten line in a terminal, elsewhere a line now and then.
import type { Reporter } from '../../io.ts'
import { formatSize } from '../../text/byte-size.ts'
import { renderElapsed } from '../../text/duration.ts'

const liveMs = 200
const plainMs = 10_000

const barWidth = 20

/** `[########------------] 40%`. */
export function renderBar(percentage: number): string {
  const full = Math.round((Math.min(100, Math.max(0, percentage)) / 100) * barWidth)
  return `[${'#'.repeat(full)}${'-'.repeat(barWidth - full)}] ${Math.round(percentage)}%`
}

/** `[########------------] 40% of 300.0 MB, 120.0 MB/s, 2s left`. */
export function renderTransfer(doneBytes: number, totalBytes: number, elapsedMs: number): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
  const parts = [`${renderBar(share * 100)} of ${formatSize(totalBytes)}`]
  if (elapsedMs > 0 && doneBytes > 0) {
    parts.push(`${formatSize(Math.round((doneBytes / elapsedMs) * 1000))}/s`)
    parts.push(`${renderElapsed((elapsedMs / doneBytes) * Math.max(0, totalBytes - doneBytes))} left`)
  }
  return parts.join(', ')
}

/** Shows the progress of a transfer while `work` runs. */
export async function showTransfer<T>(
  report: Reporter,
  verb: string,
  work: (transfer: TransferLine) => Promise<T>,
): Promise<T> {
  using transfer = new TransferLine(report, verb)
  return await work(transfer)
}

/** Shows a transfer from its start until it is disposed. */
export class TransferLine implements Disposable {
  readonly #report: Reporter
  readonly #verb: string
  #timer: NodeJS.Timeout | undefined
  #startedMs = 0
  #done = 0
  #total = 0

  constructor(report: Reporter, verb: string) {
    this.#report = report
    this.#verb = verb
  }

  /** Begins, with the total number of bytes. */
  start(total: number): void {
    this.#startedMs = performance.now()
    this.#total = total
    if (total > 0) this.#timer = setInterval(() => this.#draw(), this.#report.live ? liveMs : plainMs)
  }

  /** Counts transferred bytes. */
  add(count: number): void {
    this.#done += count
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#report.progress('')
  }

  #draw(): void {
    const text = renderTransfer(this.#done, this.#total, performance.now() - this.#startedMs)
    this.#report.progress(`${this.#verb} ${text}`)
  }
}
