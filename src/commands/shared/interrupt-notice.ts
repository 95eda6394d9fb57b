// Explains the effect of an interrupt when it arrives, and of a second one.
import { InterruptedError } from '../../errors.ts'
import type { Context } from '../../io.ts'

/** When the run is interrupted, prints what happens now, such as "giving the machine back". */
export function sayOnInterrupt({ signal, report, stderr }: Context, effect: string): Disposable {
  // A script has no Ctrl-C.
  const atTerminal = stderr.isTTY === true
  const say = () => {
    const { reason } = signal
    if (reason instanceof InterruptedError) {
      const another = atTerminal ? (reason.signal === 'SIGINT' ? 'Ctrl-C again' : 'Ctrl-C') : 'A second signal'
      report.info(`Interrupted (${reason.message}): ${effect}. ${another} gives up.`)
    } else report.info(`The run ends early: ${effect}. ${atTerminal ? 'Ctrl-C' : 'A signal'} gives up.`)
  }
  // By the next turn the console has given back the terminal.
  const onAbort = () => void setImmediate(say)
  signal.addEventListener('abort', onAbort)
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', onAbort) }
}
