// A question with yes or no as its answer.
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { heed } from '../../deadline.ts'
import { InterruptedError } from '../../errors.ts'
import type { Context } from '../../io.ts'

/**
 * Asks on the terminal; anything but yes is no, the end of the input too.
 * @throws InterruptedError after Ctrl-C, which is a key while the terminal is asked; signal.reason
 */
export async function confirm(
  question: string,
  { stdin, stderr, signal }: Pick<Context, 'stdin' | 'stderr' | 'signal'>,
): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stderr })
  const key = new AbortController()
  lines.once('SIGINT', () => key.abort(new InterruptedError('SIGINT')))
  const closed = once(lines, 'close').then(() => '')
  const reply = lines.question(`${question} [y/N] `).catch(() => '')
  try {
    const answer = await heed(Promise.race([reply, closed]), AbortSignal.any([signal, key.signal]))
    return /^y(es)?$/i.test(answer.trim())
  } catch (error) {
    stderr.write('\n')
    throw error
  } finally {
    lines.close()
  }
}
