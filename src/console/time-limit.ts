// Work that may never end, such as looking for a pattern that backtracks, ended after a while: until then no signal and no
// timer is heeded. V8 looks for a wish to end it each time a pattern backtracks.
import { createContext, Script } from 'node:vm'

/** On a computer that is busy or was asleep, work that had no time to run is begun anew so many times. */
const maxTries = 20

let limited: { work: () => unknown } | undefined
let script: Script | undefined

function prepare(): { script: Script; box: { work: () => unknown } } {
  // A context and a script take a millisecond to make.
  limited ??= Object.assign(createContext({}), { work: () => {} })
  script ??= new Script('work()')
  return { script, box: limited }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** What is left of the processor's time for some pieces of work together. */
export interface Budget {
  leftMs: number
}

/** Less than this is not measured: a process that the system lets wait has no time to run. */
const shortestMs = 100

/**
 * Does some work that can be done anew, for as much time of the processor as is left. It costs some hundredths of a millisecond.
 * @returns undefined where the work took longer
 */
export function runLimited<T>(work: () => T, budget: Budget): { result: T } | undefined {
  const { script: call, box } = prepare()
  const limitMs = Math.max(shortestMs, Math.ceil(budget.leftMs))
  for (let tries = 0, usedMs = 0; tries < maxTries && usedMs < 0.9 * limitMs; tries++) {
    const startMs = cpuMs()
    let done: { result: T } | undefined
    box.work = () => void (done = { result: work() })
    try {
      call.runInContext(box, { timeout: limitMs })
      budget.leftMs -= cpuMs() - startMs
      return done
    } catch (error) {
      // An error of the context, and so of no class of ours.
      const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined
      if (code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    }
    usedMs += cpuMs() - startMs
  }
  return undefined
}
