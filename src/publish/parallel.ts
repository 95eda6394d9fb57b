// Tasks that run at once, because waiting for one response at a time would leave a slow line idle.

/** Runs tasks, at most `max` at a time. */
export class InFlight {
  readonly #max: number
  readonly #running = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(max: number) {
    this.#max = max
  }

  /** Starts a task once there is room. @throws the error of an earlier task */
  async start(task: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#max) await Promise.race(this.#running)
    this.#throwFailure()
    const running: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Waits until all tasks have ended. @throws the first task's error */
  async finish(): Promise<void> {
    await Promise.all(this.#running)
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** Runs tasks in parallel. If one fails, the others are aborted, and all have ended before its error is thrown. */
export async function runAll<T>(
  tasks: readonly ((signal: AbortSignal) => Promise<T>)[],
  signal: AbortSignal,
): Promise<T[]> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const settled = await Promise.allSettled(
    tasks.map(async (task) => {
      try {
        return await task(either)
      } catch (error) {
        failed.abort(error)
        throw error
      }
    }),
  )
  either.throwIfAborted()
  return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}
