// A queue of a device's transitions: it runs one at a time, and each can be aborted.

/** The queue of one device's transitions. */
export class Transitions {
  #tail: Promise<void> = Promise.resolve()
  #abort = new AbortController()

  /** Fulfilled once all transitions that are queued now have ended. */
  get settled(): Promise<void> {
    return this.#tail
  }

  /** Appends a transition. `onFailure` gets the error if it fails; after an abort the caller of `abort` does the rest. */
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

  /** Aborts the queued and the running transitions. Transitions that are added later start once these have ended. */
  abort(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
  }
}
