// Explains the effect of an interrupt when it arrives, and of a second one.
import { InterruptedError } from '../../errors.ts'
import type { Context } from '../../io.ts'

/** When the run is interrupted, prints what happens now, such as "giving the machine back". */
export function sayOnInterrupt({ signal, report }: Context, effect: string): Disposable {
  const say = () => {
    const { reason } = signal
    if (reason instanceof InterruptedError) {
      const again = reason.signal === 'SIGINT' ? 'Ctrl-C again' : 'Ctrl-C'
      report.info(`Interrupted (${reason.message}): ${effect}. ${again} gives up.`)
    } else report.info(`The run ends early: ${effect}. Ctrl-C gives up.`)
  }
  // By the next turn the console has given back the terminal.
  const onAbort = () => void setImmediate(say)
  signal.addEventListener('abort', onAbort)
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) }
}
