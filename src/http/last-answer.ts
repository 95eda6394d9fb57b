// How long an answer is still waited for after an interrupt, if its request may not be cut off at once.

/** A signal that aborts so long after another has. Disposing it ends the waiting. */
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
