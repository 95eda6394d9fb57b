// The end of what a machine without a device writes to its console, for the log.
import { lastLineOf } from '../../lab/machines/last-line.ts'
import type { OpenedConsole } from './powered.ts'

const maxChars = 4096

/** Reads a console until it is disposed. */
export class ConsoleTail implements AsyncDisposable {
  readonly #over = new AbortController()
  readonly #console: Promise<OpenedConsole | undefined>
  #recent = ''

  /** @param signal the end of the server */
  constructor(open: (signal: AbortSignal) => Promise<OpenedConsole>, signal: AbortSignal) {
    // The machine is watched meanwhile, and also if its console cannot be opened.
    this.#console = this.#read(open, AbortSignal.any([signal, this.#over.signal])).catch(() => undefined)
  }

  async #read(open: (signal: AbortSignal) => Promise<OpenedConsole>, signal: AbortSignal): Promise<OpenedConsole> {
    const console = await open(signal)
    console.line.on('data', (bytes: Buffer) => {
      this.#recent = (this.#recent + bytes.toString('latin1')).slice(-maxChars)
    })
    return console
  }

  /** Its last line as the end of a sentence; empty without a line. */
  get text(): string {
    const line = lastLineOf(this.#recent)
    return line === '' ? '' : `; the last line on its console is "${line}"`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    const console = await this.#console
    await console?.[Symbol.asyncDispose]()
  }
}
