// What happens to a device over time: one transition after the other, each of which can be ended.

/** The transitions of one device. */
export class Transitions {
  #tail: Promise<void> = Promise.resolve()
  #abort = new AbortController()

  /** Fulfilled once all that was asked for so far has ended. */
  get settled(): Promise<void> {
    return this.#tail
  }

  /** Appends a transition. `onFailure` hears why one failed; one that is aborted leaves the rest to who aborted it. */
  enqueue(run: (signal: AbortSignal) => Promise<void>, onFailure: (error: unknown) => void): void {
    const { signal } = this.#abort
    const previous = this.#tail
    const runInTurn = async () => {
      await previous
      if (signal.aborted) return
      try {
        await run(signal)
      } catch (error) {
        if (!signal.aborted) onFailure(error)
      }
    }
    this.#tail = runInTurn()
  }

  /** Ends the transitions that wait or run. Later ones start once those have ended. */
  abort(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
  }
}
