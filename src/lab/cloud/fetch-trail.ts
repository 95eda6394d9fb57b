// What iPXE fetches, read off its screen: `http://…/kernel... 42%`, `ok` at the end of the line. The lab sees nothing else of it,
// since machines fetch from where they like.

/** Fetches that are kept of a machine. */
const maxFetched = 50
/** The screen's width: the firmware breaks longer lines there. */
const screenColumns = 80

/** Something a machine fetched while it booted, as its console told. */
export interface Fetched {
  what: string
  /** undefined while it goes on. */
  ms?: number
  /** undefined while unknown. */
  sizeBytes?: number
  /** `ok`, or what went wrong. */
  result?: string
}

/** Follows one screen. */
export class FetchTrail {
  readonly #fetched: Fetched[] = []
  #line = ''
  #startedMs: number | undefined

  /** Oldest first. */
  get fetched(): readonly Fetched[] {
    return this.#fetched
  }

  /** Takes what the machine prints, at a time in ms. */
  take(text: string, nowMs: number): void {
    // oxlint-disable-next-line no-control-regex -- terminals are told what to do by control characters
    for (const character of text.replaceAll(/\u001b(\[[0-9;?=]*[A-Za-z]|c)/g, '')) {
      if (character === '\n') this.#endLine(nowMs)
      else if (character === '\b') this.#line = this.#line.slice(0, -1)
      else if (character >= ' ' && this.#line.length < 4 * screenColumns) this.#line += character
      if (character === '.') this.#begin(nowMs)
    }
  }

  /** A line that ends in dots after a URL or a path is a fetch that begins. */
  #begin(nowMs: number): void {
    const what = /^(\S*\/\S*?)\.\.\.$/.exec(this.#line)?.[1]
    if (what === undefined || this.#startedMs !== undefined) return
    this.#startedMs = nowMs
    this.#fetched.push({ what })
    if (this.#fetched.length > maxFetched) this.#fetched.shift()
  }

  #endLine(nowMs: number): void {
    // The screen was full in the middle of a URL, and the line goes on in the next one.
    const isFull = this.#line.length % screenColumns === 0 && /^\S*\//.test(this.#line)
    if (isFull && !this.#line.endsWith('... ok')) return
    const result = /^\S+\.\.\.\s*(.*?)\s*$/.exec(this.#line)?.[1]
    const last = this.#fetched.at(-1)
    if (this.#startedMs !== undefined && result !== undefined && last !== undefined) {
      last.ms = Math.round(nowMs - this.#startedMs)
      last.result = result.replace(/^\d+%\s*/, '')
    }
    this.#startedMs = undefined
    this.#line = ''
  }
}
