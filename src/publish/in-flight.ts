// Several requests at once, never more than a few: what waits for answers would otherwise be all that a slow line does.

/** Starts tasks, at most `most` of which run at a time. */
export class InFlight {
  readonly #most: number
  readonly #running = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** Starts a task once there is room. @throws what an earlier one threw */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#most) await Promise.race(this.#running)
    this.#throwFailure()
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Waits until all have ended. @throws what the first one threw */
  async finish(): Promise<void> {
    await Promise.all(this.#running)
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
