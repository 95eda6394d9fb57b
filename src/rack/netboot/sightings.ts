// The feed of everything that network boot sees of machines. Drivers and people's hands follow it by MAC.
import { heed } from '../../deadline.ts'
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
    let following: Disposable | undefined
    const step = new Promise<void>((resolve) => (following = this.follow(macs, () => resolve())))
    try {
      await heed(step, signal)
    } finally {
      following?.[Symbol.dispose]()
    }
  }
}
