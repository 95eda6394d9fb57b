// Limited waits: until a deadline, until a signal, or until some time after a signal.

/** The time limit, the outcome when it is over, and a signal that ends the wait early. */
interface Deadline<T> {
  ms: number
  /** Returns the outcome when the time is over, or throws it. */
  late: () => T
  signal?: AbortSignal | undefined
}

/**
 * A promise with a deadline: the work settles it, or the time is over, or the signal aborts. Leaves no timer and no listener behind.
 * @param work a promise, or the body of one
 * @throws what the work rejects with, what `late` throws, or the signal's reason
 */
export async function settleBefore<T>(
  { ms, late, signal }: Deadline<T>,
  work: PromiseLike<T> | ((resolve: (value: T) => void, reject: (reason: unknown) => void) => void),
): Promise<T> {
  signal?.throwIfAborted()
  const over = new AbortController()
  try {
    return await new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        try {
          resolve(late())
        } catch (error) {
          reject(error)
        }
      }, ms)
      over.signal.addEventListener('abort', () => clearTimeout(timer))
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
      if (typeof work === 'function') work(resolve, reject)
      else work.then(resolve, reject)
    })
  } finally {
    over.abort()
  }
}

/** A promise's outcome, or the signal's reason as soon as it aborts; the work then continues, but its outcome is ignored. */
export async function heed<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController()
  try {
    return await new Promise<T>((resolve, reject) => {
      work.then(resolve, reject)
      signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal })
      if (signal.aborted) reject(signal.reason)
    })
  } finally {
    over.abort()
  }
}

/** A signal that aborts with the given one, or with a TimeoutError when the time is over. */
export function within(ms: number, signal: AbortSignal): AbortSignal {
  const late = AbortSignal.timeout(ms)
  // Node may collect a timeout that only AbortSignal.any refers to, which then never fires (nodejs/node#57736); a listener keeps it.
  late.addEventListener('abort', () => {}, { once: true })
  return AbortSignal.any([signal, late])
}

/** Never fulfilled; rejected with the signal's reason once it aborts. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}

/** A signal that aborts some time after another one, with the given reason. Disposing it ends the wait. */
export function abortAfter(
  first: AbortSignal,
  delayMs: number,
  reason?: () => unknown,
): Disposable & { signal: AbortSignal } {
  const later = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const begin = () => {
    timer = setTimeout(() => later.abort(reason?.()), delayMs)
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
