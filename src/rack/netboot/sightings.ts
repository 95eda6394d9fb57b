// The feed of everything that network boot sees of machines. Drivers and people's hands follow it by MAC.
import type { Step } from './steps.ts'

/** Passes steps on to the followers of their machine. */
export class Sightings {
  readonly #followers = new Map<string, Set<(step: Step) => void>>()

  /** Passes a step on. */
  take(step: Step): void {
    for (const follower of this.#followers.get(step.mac) ?? []) follower(step)
  }

  /** Calls `follower` for each step of a machine, until disposed. */
  follow(macs: readonly string[], follower: (step: Step) => void): Disposable {
    for (const mac of macs) {
      const followers = this.#followers.get(mac) ?? new Set()
      this.#followers.set(mac, followers.add(follower))
    }
    return {
      [Symbol.dispose]: () => {
        for (const mac of macs) this.#followers.get(mac)?.delete(follower)
      },
    }
  }

  /** Fulfilled at the next step of a machine. @throws the signal's reason */
  async next(macs: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const over = new AbortController()
    try {
      await new Promise<void>((resolve, reject) => {
        const following = this.follow(macs, () => resolve())
        over.signal.addEventListener('abort', () => following[Symbol.dispose]())
        signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
      })
    } finally {
      over.abort()
    }
  }
}
