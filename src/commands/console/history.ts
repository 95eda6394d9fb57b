// What a cloud has kept of a machine's serial line, for the output from before the console was reached.
import type { Writable } from 'node:stream'
import type { Capture } from '../../console/capture.ts'
import { within } from '../../deadline.ts'
import { messageOf } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Cloud, MachineRecord } from '../../machine/cloud.ts'

/** A capture takes seconds; longer is not worth the wait. */
const patienceMs = 30_000

/** How much of the live console tells where the history ends. */
const sampleLength = 80

/** The part of a history from before the live console, whose first text is known. */
export function beforeLive(history: string, live: string): string {
  const sample = live.slice(0, sampleLength)
  const at = sample.trim() === '' ? -1 : history.indexOf(sample)
  return at === -1 ? history : history.slice(0, at)
}

interface Missed {
  cloud: Cloud
  record: MachineRecord
  /** Where the console's bytes go. */
  output: Writable
  /** Ends with the console. */
  signal: AbortSignal
}

/** Prints what a machine printed before its console was attached, if its cloud keeps it. It sees the live console as a capture. */
export class MissedOutput implements Capture {
  readonly #missed: Missed
  readonly #context: Pick<Context, 'report' | 'clock'>
  #live = ''

  constructor(missed: Missed, context: Pick<Context, 'report' | 'clock'>) {
    this.#missed = missed
    this.#context = context
  }

  /** Called when the console is attached: prints the output from before, as soon as it is known. */
  begin(): void {
    void this.#read(this.#missed.signal).then((history) => this.#print(beforeLive(history, this.#live)))
  }

  /** Prints all of it, for a console that was never attached. */
  async printAll(signal: AbortSignal): Promise<void> {
    this.#print(await this.#read(signal))
  }

  write(chunk: Buffer): void {
    if (this.#live.length < sampleLength) this.#live += chunk.toString()
  }

  resize(): void {}

  async [Symbol.asyncDispose](): Promise<void> {}

  /** '' for nothing, and on failure, since it is only a help. */
  async #read(signal: AbortSignal): Promise<string> {
    const { cloud, record } = this.#missed
    const { report, clock } = this.#context
    if (cloud.readConsoleHistory === undefined) return ''
    try {
      return await cloud.readConsoleHistory(record, within(clock?.toRealMs(patienceMs) ?? patienceMs, signal))
    } catch (error) {
      report.detail(`the console's history cannot be read: ${messageOf(error)}`)
      return ''
    }
  }

  #print(text: string): void {
    if (text.trim() === '') return
    const { report } = this.#context
    report.info('The console showed this before it was attached:')
    this.#missed.output.write(text.endsWith('\n') ? text : `${text}\n`)
    report.info('This is the end of what it showed before.')
  }
}
