// A device's serial line between the machine and SOS. It outlives power cycles, keeps nothing (no scrollback, as the real
// service), and has one listener at most.
import type { Duplex } from 'node:stream'

/** What is typed while the machine is off goes nowhere; what it prints while nobody listens is gone. */
export class SerialPort {
  #line: Duplex | undefined
  #sendBreak: (() => void) | undefined
  #listener: ((bytes: Buffer) => void) | undefined
  #onHangUp: (() => void) | undefined
  readonly #watchers = new Set<(bytes: Buffer) => void>()

  /** Whether somebody has the machine's one session. */
  get isTaken(): boolean {
    return this.#listener !== undefined
  }

  /** Connects the line of a machine that was switched on; it disconnects itself when the machine goes off. */
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
   * @param listener gets what the machine prints
   * @param onHangUp is called when the machine is switched off or the device deleted
   * @returns a handle that stops it, or undefined where somebody listens already
   */
  attach(listener: (bytes: Buffer) => void, onHangUp: () => void): Disposable | undefined {
    if (this.#listener !== undefined) return undefined
    this.#listener = listener
    this.#onHangUp = onHangUp
    return {
      [Symbol.dispose]: () => {
        if (this.#listener !== listener) return
        this.#listener = undefined
        this.#onHangUp = undefined
      },
    }
  }

  /** Shows what the machine prints to somebody who only looks on, which takes nobody's session. */
  watch(watcher: (bytes: Buffer) => void): Disposable {
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => this.#watchers.delete(watcher) }
  }

  /** Types into the machine. */
  type(bytes: Buffer): void {
    this.#line?.write(bytes)
  }

  /** Sends a break, where the machine is on and its kind can be sent one. */
  sendBreak(): void {
    if (this.#line !== undefined) this.#sendBreak?.()
  }

  /** The machine is off: ends the session that listens once it has all that the machine printed. */
  endSession(): void {
    const onHangUp = this.#onHangUp
    if (this.#line === undefined) onHangUp?.()
    else this.#line.once('close', () => onHangUp?.())
  }

  /** The device is gone: ends the session that listens. */
  hangUp(): void {
    this.#onHangUp?.()
  }
}
