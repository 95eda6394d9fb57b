// Terminal input for a job that may be in the background. The kernel stops a background job that reads from its
// terminal or changes its mode. A handler for SIGTTIN or SIGTTOU does not help: libuv's handlers make the kernel restart the call,
// which sends the signal again, and the program hangs. So the terminal is not touched until the job is in the foreground,
// and SIGTTIN has a handler only until then, when nothing reads the terminal.
import { Readable } from 'node:stream'
import type { ReadStream } from 'node:tty'
import type { Input } from './io.ts'
import { isInBackground } from './starter.ts'

/** bash brings a running job to the foreground without a signal. */
const lookMs = 250

/** A terminal's input. Requests made in the background are carried out when the job is in the foreground again. */
export class TerminalInput extends Readable {
  readonly isTTY = true
  readonly #terminal: ReadStream
  readonly #onSignal: () => void
  #isRaw = false
  #isDry = false
  #looking: NodeJS.Timeout | undefined

  /** @param onSignal called for a SIGTTIN that arrives in the background; in the foreground it stops the job */
  constructor(terminal: ReadStream, onSignal: () => void) {
    super()
    this.#terminal = terminal
    this.#onSignal = onSignal
    // Otherwise a listener would start to read from the terminal.
    terminal.pause()
    terminal.on('data', (chunk: Buffer) => {
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
    if (!isAway) process.off('SIGTTIN', this.#onSignal)
    if (isAway || !this.#isDry || this.readableFlowing !== true) this.#terminal.pause()
    else this.#terminal.resume()
    if (isAway) {
      if (!process.listeners('SIGTTIN').includes(this.#onSignal)) process.on('SIGTTIN', this.#onSignal)
      this.#looking ??= setInterval(() => this.#look(), lookMs).unref()
    } else if (this.#terminal.isRaw !== this.#isRaw) this.#terminal.setRawMode(this.#isRaw)
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
