// A question with yes or no as its answer.
import { createInterface } from 'node:readline/promises'
import type { Context } from '../../io.ts'

/** Asks on the terminal; anything but yes is no. */
export async function confirm(question: string, { stdin, stderr, signal }: Context): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stderr })
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `, { signal })).trim())
  } finally {
    lines.close()
  }
}
