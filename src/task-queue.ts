// A queue that runs one task at a time, and whose tasks can be aborted.

/** Runs tasks one after another, in the order in which they were added. */
export class TaskQueue {
  #tail: Promise<void> = Promise.resolve()
  #abort = new AbortController()

  /** Fulfilled once all currently queued tasks have ended. */
  get settled(): Promise<void> {
    return this.#tail
  }

  /** Appends a task. `onFailure` gets the error if it fails; after an abort the caller of `abort` does the rest. */
  add(task: (signal: AbortSignal) => Promise<void>, onFailure: (error: unknown) => void): void {
    const { signal } = this.#abort
    const previous = this.#tail
    const runInTurn = async () => {
      await previous
      if (signal.aborted) return
      try {
        await task(signal)
      } catch (error) {
        if (!signal.aborted) onFailure(error)
      }
    }
    this.#tail = runInTurn()
  }

  /** Aborts the queued and the running tasks. Tasks that are added later start once these have ended. */
  abort(): void {
    this.#abort.abort()
    this.#abort = new AbortController()
  }
}
