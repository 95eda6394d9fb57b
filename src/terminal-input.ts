// Terminal input for a job that may be in the background. The kernel sends SIGTTIN or SIGTTOU to a background job that reads
// from its terminal or changes its mode. A handler for them is of no use then: libuv's handlers make the kernel restart the call,
// which sends the signal again, and the program hangs. So the terminal is not touched until the job is in the foreground. To
// wait for input would be to touch it: a job that is stopped meanwhile, and continued in the background, would read what the
// user types for the shell. So the program looks for input from time to time, each time in the foreground.
import { Readable } from 'node:stream'
import type { ReadStream } from 'node:tty'
import type { Input } from './io.ts'
import { isInBackground } from './starter.ts'

/** bash brings a running job to the foreground without a signal. */
const lookMs = 250
/** How often to look for input; too short a time to be noticed while typing. Each look costs the processor some power. */
const glanceMs = 20
/** How often to look for the first key after a pause. */
const idleGlanceMs = 100
/** How long after a key the user is still typing. */
const typingMs = 5000

/** A terminal's input. Requests made in the background are carried out when the job is in the foreground again. */
export class TerminalInput extends Readable {
  readonly isTTY = true
  readonly #terminal: ReadStream
  #isRaw = false
  #isDry = false
  #looking: NodeJS.Timeout | undefined
  #glancing: NodeJS.Timeout | undefined
  #lastKeyMs = Number.NEGATIVE_INFINITY

  constructor(terminal: ReadStream) {
    super()
    this.#terminal = terminal
    // Otherwise a listener would start to read from the terminal.
    terminal.pause()
    terminal.on('data', (chunk: Buffer) => {
      this.#lastKeyMs = performance.now()
      this.#isDry = this.push(chunk)
      this.#settle()
    })
    terminal.on('end', () => this.push(null)).on('error', (error) => this.destroy(error))
    this.on('pause', () => this.#settle()).on('resume', () => this.#settle())
    process.on('SIGCONT', () => {
      this.#refresh()
      this.#settle()
    })
  }

  setRawMode(isRaw: boolean): this {
    this.#isRaw = isRaw
    this.#settle()
    return this
  }

  override _read(): void {
    this.#isDry = true
    this.#settle()
  }

  /** Node resets the mode of a terminal that is open at its end, which would stop a background job there. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#looking)
    clearTimeout(this.#glancing)
    if (isInBackground()) this.#terminal.destroy()
    done(error)
  }

  /** Meanwhile the shell has changed the mode, and perhaps the user the window's size; Node would not set a mode twice. */
  #refresh(): void {
    if (isInBackground()) return
    if (this.#terminal.isRaw) this.#terminal.setRawMode(false)
    process.emit('SIGWINCH', 'SIGWINCH')
  }

  /** Reads, and sets the mode, as far as the job may. */
  #settle(): void {
    if (this.#terminal.destroyed) return
    const isAway = isInBackground()
    clearTimeout(this.#glancing)
    if (this.#isDry && this.readableFlowing === true) {
      const isTyping = performance.now() - this.#lastKeyMs < typingMs
      this.#glancing = setTimeout(() => this.#glance(), isAway ? lookMs : isTyping ? glanceMs : idleGlanceMs)
    }
    if (isAway) this.#looking ??= setInterval(() => this.#look(), lookMs).unref()
    else if (this.#terminal.isRaw !== this.#isRaw) this.#terminal.setRawMode(this.#isRaw)
  }

  /** Reads the input that is already there. */
  #glance(): void {
    if (!isInBackground()) {
      this.#terminal.resume()
      setImmediate(() => this.#terminal.pause())
    }
    this.#settle()
  }

  #look(): void {
    if (isInBackground()) return
    clearInterval(this.#looking)
    this.#looking = undefined
    this.#refresh()
    this.#settle()
  }
}

/** Puts a terminal into raw mode until disposed; does nothing if the stream is not a terminal. */
export function enterRawMode(stdin: Input): Disposable {
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined
  if (raw) stdin.setRawMode?.(true)
  let entered = raw
  return {
    [Symbol.dispose]() {
      if (!entered) return
      entered = false
      stdin.setRawMode?.(false)
    },
  }
}
