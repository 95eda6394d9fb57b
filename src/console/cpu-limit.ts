// A time limit for work that may never end, such as a backtracking pattern: until it ends, no signal and no timer is
// handled. V8 checks for a request to terminate each time a pattern backtracks.
import { createContext, Script } from 'node:vm'

/** On a busy computer, or after sleep, work that got no processor time is restarted this many times. */
const maxTries = 20

let limited: { work: () => unknown } | undefined
let script: Script | undefined

function prepare(): { script: Script; box: { work: () => unknown } } {
  // Creating a context and a script takes a millisecond.
  limited ??= Object.assign(createContext({}), { work: () => {} })
  script ??= new Script('work()')
  return { script, box: limited }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The processor time left for several pieces of work together. */
export interface Budget {
  leftMs: number
}

/** Shorter times are not measured: a waiting process got no time to run. */
const shortestMs = 100

/**
 * Does repeatable work within the processor time that is left. Costs some hundredths of a millisecond.
 * @returns undefined if the work took longer
 */
export function runLimited<T>(work: () => T, budget: Budget): { result: T } | undefined {
  const { script: call, box } = prepare()
  const maxMs = Math.max(shortestMs, Math.ceil(budget.leftMs))
  for (let tries = 0, usedMs = 0; tries < maxTries && usedMs < 0.9 * maxMs; tries++) {
    const startMs = cpuMs()
    let done: { result: T } | undefined
    box.work = () => void (done = { result: work() })
    try {
      call.runInContext(box, { timeout: maxMs })
      budget.leftMs -= cpuMs() - startMs
      return done
    } catch (error) {
      // An error from another context is not an instance of our classes.
      const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
      if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    }
    usedMs += cpuMs() - startMs
  }
  return undefined
}
