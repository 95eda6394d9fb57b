// Limits concurrent file look-ups. A look-up on a hung file system (NFS, FUSE) blocks a thread of the process; the limit keeps
// threads free, and lets further requests fail instead of piling up.

/** node:fs has four threads; one stays free for reading open files. */
const maxAtOnce = 3
/** A look-up that takes longer counts as hanging. */
const patienceMs = 2000

/** A running look-up. */
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

  /** Runs a look-up when its turn comes; undefined if the same path, or every running look-up, hangs. */
  async run<T>(key: string, lookUp: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const hanging = [...this.#running].filter(hangs)
      if (hanging.length === maxAtOnce || hanging.some((running) => running.key === key)) return undefined
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

  /** Waits until a look-up ends, or counts as hanging. */
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
