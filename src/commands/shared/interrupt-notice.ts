// Says what an interrupt does when it arrives, and what a second one would do.
import { InterruptedError } from '../../errors.ts'
import type { Context } from '../../io.ts'

/** When the run is interrupted, says what it does, such as "giving the machine back". */
export function sayOnInterrupt({ signal, report }: Context, effect: string): Disposable {
  const say = () => {
    const why =
      signal.reason instanceof InterruptedError ? `Interrupted (${signal.reason.message})` : 'The run ends early'
    report.info(`${why}: ${effect}. Ctrl-C again gives up.`)
  }
  // By the next turn the console has given back the terminal.
  const onAbort = () => void setImmediate(say)
  signal.addEventListener('abort', onAbort)
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) }
}
