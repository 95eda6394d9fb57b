// How often a request to a BMC is repeated.
import type { Clock } from '../../../clock.ts'
import type { RedfishAnswer } from './client.ts'

/** A server's self-test takes minutes. */
const insistMs = 180_000
const insistPollMs = 5000
/** For an answer of 5xx, after which many requests succeed. */
const attempts = 3
const effectMs = 10_000
const effectPollMs = 1000

/** A refusal that means "not now": busy, still going off, in the self-test. */
function isForNow({ status, messages }: RedfishAnswer): boolean {
  const names = messages.join(' ')
  if (status === 503 || (status === 409 && !/Property|Value|Parameter/.test(names))) return true
  return /DuringSystemPOST|ServiceTemporarilyUnavailable|ResourceInUse|NotReady/i.test(names)
}

/** Repeats requests. */
export class RedfishPatience {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Repeats a request while it is refused for now. @returns the last answer */
  async insist(ask: () => Promise<RedfishAnswer>, signal: AbortSignal): Promise<RedfishAnswer> {
    const endMs = this.#clock.monotonicMs() + insistMs
    for (;;) {
      const answer = await ask()
      if (answer.status < 300 || !isForNow(answer) || this.#clock.monotonicMs() >= endMs) return answer
      await this.#clock.sleep(insistPollMs, signal)
    }
  }

  /** Repeats a request a few times while the BMC fails at it. @returns the last answer */
  async retry(ask: () => Promise<RedfishAnswer>, signal: AbortSignal): Promise<RedfishAnswer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.insist(ask, signal)
      if (answer.status < 500 || isForNow(answer) || attempt === attempts) return answer
      await this.#clock.sleep(insistPollMs, signal)
    }
  }

  /** Reads until there is a value. @returns it, or undefined when the time is over */
  async poll<T>(read: () => Promise<T | undefined>, signal: AbortSignal, forMs = effectMs): Promise<T | undefined> {
    const endMs = this.#clock.monotonicMs() + forMs
    for (;;) {
      const value = await read()
      if (value !== undefined || this.#clock.monotonicMs() >= endMs) return value
      await this.#clock.sleep(effectPollMs, signal)
    }
  }
}
