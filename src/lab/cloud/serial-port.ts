// A device's serial line between the machine and the SOS. It outlasts power cycles, keeps nothing (no scrollback, like the real
// service), and has at most one listener.
import type { Duplex } from 'node:stream'

/** A serial line. Input is dropped while the machine is off, output while nobody listens. */
export class SerialPort {
  #line: Duplex | undefined
  #sendBreak: (() => void) | undefined
  #listener: ((bytes: Buffer) => void) | undefined
  #onHangUp: (() => void) | undefined
  readonly #watchers = new Set<(bytes: Buffer) => void>()
  #onFirstSession = (): void => {}
  /** Fulfilled once the first session has attached. */
  readonly attended = new Promise<void>((resolve) => {
    this.#onFirstSession = resolve
  })

  /** Whether the machine's one session is taken. */
  get isTaken(): boolean {
    return this.#listener !== undefined
  }

  /** Connects the line of a machine that was switched on, until the machine goes off. */
  connect(line: Duplex, sendBreak?: () => void): void {
    this.#line = line
    this.#sendBreak = sendBreak
    line.on('data', (bytes: Buffer) => {
      this.#listener?.(bytes)
      for (const watcher of this.#watchers) watcher(bytes)
    })
    line.on('error', () => {})
    line.on('close', () => {
      if (this.#line === line) this.#line = undefined
    })
  }

  /**
   * Starts listening.
   * @param listener receives the machine's output
   * @param onHangUp is called when the machine is switched off or the device deleted
   * @returns a handle that stops listening, or undefined if the session is taken
   */
  attach(listener: (bytes: Buffer) => void, onHangUp: () => void): Disposable | undefined {
    if (this.#listener !== undefined) return undefined
    this.#listener = listener
    this.#onHangUp = onHangUp
    this.#onFirstSession()
    return {
      [Symbol.dispose]: () => {
        if (this.#listener !== listener) return
        this.#listener = undefined
        this.#onHangUp = undefined
      },
    }
  }

  /** Sends the machine's output to a watcher, who cannot type and takes no session. */
  watch(watcher: (bytes: Buffer) => void): Disposable {
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) }
  }

  /** Types into the machine. */
  type(bytes: Buffer): void {
    this.#line?.write(bytes)
  }

  /** Sends a break, if the machine is on and its driver supports that. */
  sendBreak(): void {
    if (this.#line !== undefined) this.#sendBreak?.()
  }

  /** Ends the session, because the machine is off, once the session has received all output. */
  endSession(): void {
    const onHangUp = this.#onHangUp
    if (this.#line === undefined) onHangUp?.()
    else this.#line.once('close', () => onHangUp?.())
  }

  /** Ends the session, because the device is gone. */
  hangUp(): void {
    this.#onHangUp?.()
  }
}
