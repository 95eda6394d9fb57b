// How long to wait for a response after an interrupt, if its request must not be cut off at once.

/** A signal that aborts some time after another one. Disposing it ends the wait. */
export function abortAfter(first: AbortSignal, delayMs: number): Disposable & { signal: AbortSignal } {
  const later = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    timer = setTimeout(() => later.abort(), delayMs)
  }
  if (first.aborted) begin()
  else first.addEventListener('abort', begin, { once: true })
  return {
    signal: later.signal,
    [Symbol.dispose]() {
      clearTimeout(timer)
      first.removeEventListener('abort', begin)
    },
  }
}
