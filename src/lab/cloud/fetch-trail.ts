// The files that iPXE fetches, read off its screen: `http://…/kernel... 42%`, then `ok` at the end of the line. The screen is the only
// source, since machines may fetch from any server.
import { stripEscapes } from '../../text/plain-text.ts'

/** How many fetches of a machine are kept. */
const maxFetched = 50
/** The screen's width, at which the firmware wraps longer lines. */
const screenColumns = 80

/** A file that a machine fetched while it booted, as its console showed it. */
export interface Fetched {
  what: string
  /** undefined until the fetch has finished. */
  ms?: number
  /** undefined while unknown. */
  sizeBytes?: number
  /** `ok`, or the error. */
  result?: string
}

/** Follows the screen of one machine. */
export class FetchTrail {
  readonly #fetched: Fetched[] = []
  #line = ''
  #startedMs: number | undefined

  /** Oldest first. */
  get fetched(): readonly Fetched[] {
    return this.#fetched
  }

  /** Records output of the machine, with its time in ms. */
  take(text: string, nowMs: number): void {
    for (const character of stripEscapes(text)) {
      if (character === '\n') this.#endLine(nowMs)
      else if (character === '\b') this.#line = this.#line.slice(0, -1)
      else if (character >= ' ' && this.#line.length < 4 * screenColumns) this.#line += character
      if (character === '.') this.#begin(nowMs)
    }
  }

  /** Records the start of a fetch if the line is a URL or a path followed by dots. */
  #begin(nowMs: number): void {
    const what = /^(\S*\/\S*?)\.\.\.$/.exec(this.#line)?.[1]
    if (what === undefined || this.#startedMs !== undefined) return
    this.#startedMs = nowMs
    this.#fetched.push({ what })
    if (this.#fetched.length > maxFetched) this.#fetched.shift()
  }

  #endLine(nowMs: number): void {
    // The URL reached the right edge of the screen and continues on the next line.
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
