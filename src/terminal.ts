// The terminal's raw mode, with its end built in.
import type { Input } from './io.ts'

/** Puts a terminal into raw mode until disposed of; what is no terminal is left alone. */
export function enterRawMode(stdin: Input): Disposable {
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined
  if (raw) stdin.setRawMode?.(true)
  let entered = raw
  return {
    [Symbol.dispose]() {
      if (!entered) return
      entered = false
      stdin.setRawMode?.(false)
    },
  }
}
