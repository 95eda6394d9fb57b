// The steps of each machine since it was armed. Anyone on the network can send any number of requests in a machine's name, so
// repetitions count once and the history is bounded.
import { describeNetbootStep, type Step } from './steps.ts'

const maxSteps = 100
/** More than `maxSteps` within this time are a flood, of which no more is told: each step that is told becomes an event of the device. */
const floodMs = 60_000
/** A step that is repeated within this time is a retransmission. */
const repeatMs = 10_000

/** The steps of all machines. */
export class StepHistory {
  readonly #steps = new Map<string, Step[]>()

  /** Adds a step. @returns whether to tell it: false if it repeats a recent one, or is part of a flood */
  add(step: Step): boolean {
    const steps = this.#steps.get(step.mac) ?? []
    const words = describeNetbootStep(step)
    const isRepeat = steps.some((old) => step.at - old.at < repeatMs && describeNetbootStep(old) === words)
    if (isRepeat) return false
    this.#steps.set(step.mac, [...steps.slice(1 - maxSteps), step])
    const [oldest] = steps
    return steps.length < maxSteps || oldest === undefined || step.at - oldest.at >= floodMs
  }

  /** The steps of a machine, oldest first. */
  of(mac: string): readonly Step[] {
    return this.#steps.get(mac) ?? []
  }

  /** Forgets a machine's steps. */
  clear(mac: string): void {
    this.#steps.delete(mac)
  }
}
