// Waiting for a pattern on the console.
import { createScreenText } from './screen-text.ts'

/** Watches what the console prints, in pieces cut anywhere. */
export interface Matcher {
  /** Whether the pattern has been seen, now or before. */
  push(chunk: Buffer): boolean
}

/** How much text is kept to match in, in characters; a match that is longer than half of it may be missed. */
const windowLength = 32_768
/** Bytes looked at together; a longer chunk is cut, so that what is kept never grows with it. */
const stepBytes = 32_768

/**
 * A matcher of what a person would read. Each piece that arrives is looked at together with what came before it, so a
 * pattern that looks at the end (`$`, `\b`, a lookahead) is judged by how the screen stands then: `login: $` sees a prompt.
 */
export function createMatcher(pattern: RegExp): Matcher {
  const screen = createScreenText()
  // Its own object: a caller's `g` or `y` pattern remembers where it was. `g` here, for lastIndex.
  const search = new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, '')}g`)
  let text = ''
  let start = 0
  let seen = false
  return {
    push(chunk) {
      for (let at = 0; at < chunk.length && !seen; at += stepBytes) {
        text += screen.push(chunk.subarray(at, at + stepBytes))
        // One character before the place to search from is kept, so that `^` does not take a cut for the start of a line.
        search.lastIndex = start
        seen = search.test(text)
        if (text.length > windowLength) {
          text = text.slice(-windowLength / 2)
          start = 1
        }
      }
      return seen
    },
  }
}
