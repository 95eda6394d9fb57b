// Keeps an idle machine on.

/** Never fulfilled, rejected by the signal: a machine that shows an error stays on until it is switched off. */
export function stay(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(signal.reason instanceof Error ? signal.reason : new Error('switched off'))
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}
