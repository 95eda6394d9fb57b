// The terminal's raw mode as a disposable resource.
import type { Input } from './io.ts'

/** Puts a terminal into raw mode until disposed; does nothing if the stream is not a terminal. */
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
