// Look-ups of files, a few at a time. One on a file system whose server hangs (NFS, FUSE) keeps a thread of the process for as long
// as that lasts: it neither takes all threads, nor collects everyone who asks.

/** node:fs has four threads; one is left for reading what is open. */
const maxAtOnce = 3
/** Longer than this a file system takes only if it hangs. */
const patienceMs = 2000

/** A look-up that runs. */
interface Running {
  key: string
  startedMs: number
}

function hangs({ startedMs }: Running): boolean {
  return performance.now() - startedMs > patienceMs
}

/** The look-ups of a server. */
export class LookUps {
  readonly #running = new Set<Running>()
  readonly #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined

  /** Runs a look-up in its turn; undefined if it would not come to an end: the same one hangs already, or as many others as may run. */
  async run<T>(key: string, lookUp: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const hanging = [...this.#running].filter((one) => hangs(one))
      if (hanging.length === maxAtOnce || hanging.some((one) => one.key === key)) return undefined
      if (this.#running.size < maxAtOnce) break
      await this.#wait()
    }
    const own = { key, startedMs: performance.now() }
    this.#running.add(own)
    try {
      return await lookUp()
    } finally {
      this.#running.delete(own)
      this.#waiting.shift()?.()
    }
  }

  /** Until a look-up ends, or may be found to hang. */
  #wait(): Promise<void> {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      for (const resume of this.#waiting.splice(0)) resume()
    }, patienceMs)
    this.#timer.unref()
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }
}
