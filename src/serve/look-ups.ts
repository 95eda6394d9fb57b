// Limits concurrent file look-ups. A look-up on a hung file system (NFS, FUSE) blocks a thread of the process; the limit keeps
// threads free, and lets further requests fail instead of piling up.

/** node:fs has four threads; one stays free for reading open files. */
const maxAtOnce = 3
const tickMs = 500
/**
 * A look-up that is still running after more ticks counts as hanging. Ticks and not a time: while this process or the computer
 * stands still, answers of the file system wait here.
 */
const patienceTicks = 4

/** A running look-up. */
interface Running {
  key: string
  /** How many ticks it has seen. */
  ticks: number
}

function hangs({ ticks }: Running): boolean {
  return ticks > patienceTicks
}

/** The look-ups of a server. */
export class LookUps {
  readonly #running = new Set<Running>()
  readonly #waiting: (() => void)[] = []
  #ticking: NodeJS.Timeout | undefined

  /** Runs a look-up when its turn comes; undefined if the same path, or every running look-up, hangs. */
  async run<T>(key: string, lookUp: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      const hanging = [...this.#running].filter(hangs)
      if (hanging.length === maxAtOnce || hanging.some((running) => running.key === key)) return undefined
      if (this.#running.size < maxAtOnce) break
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    const own = { key, ticks: 0 }
    this.#running.add(own)
    this.#ticking ??= setInterval(() => this.#tick(), tickMs).unref()
    try {
      return await lookUp()
    } finally {
      this.#running.delete(own)
      if (this.#running.size === 0) {
        clearInterval(this.#ticking)
        this.#ticking = undefined
      }
      this.#waiting.shift()?.()
    }
  }

  /** Lets those that wait look again: what they wait for may hang now. */
  #tick(): void {
    for (const running of this.#running) running.ticks++
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
