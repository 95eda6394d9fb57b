// What the console is watched for: patterns that end it well, patterns that end it badly, and questions that are answered.
import { createScreenText } from './screen-text.ts'

/** What to look for. All of `waitFor` must show, in this order; `replies` are a dialogue: in this order, each once. */
export interface WatchRules {
  waitFor: readonly RegExp[]
  failOn: readonly RegExp[]
  replies: readonly { on: RegExp; send: string }[]
}

/** Something that showed. After `failed`, and after `matched` with `last`, nothing is looked for any more. */
export type Sighting =
  | { kind: 'matched'; pattern: RegExp; last: boolean }
  | { kind: 'failed'; pattern: RegExp; line: string }
  | { kind: 'reply'; send: string }

/** Watches what the console prints, in pieces cut anywhere. */
export interface Watch {
  push(chunk: Buffer): Sighting[]
  /** The last lines, as a person would read them; at most `count`. */
  lastLines(count: number): string[]
}

/** How much text is kept to match in, in characters; a longer match may be missed where it comes in pieces. */
const keptLength = 8192
/** Bytes looked at together; a longer chunk is cut, so that what is kept never grows with it. */
const stepBytes = 32_768

/** Looks for one pattern after the other, each behind the end of the one before. */
interface Seeker {
  patterns: readonly RegExp[]
  next: number
  /** Where in the text to go on. */
  from: number
  see: (pattern: RegExp, index: number, match: RegExpExecArray) => Sighting
}

/** The line of the text that holds a place. */
function lineAt(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at - 1) + 1
  const end = text.indexOf('\n', at)
  return text.slice(start, end === -1 ? undefined : end).trim()
}

/** A copy that remembers nothing of the caller's; `g` is for lastIndex. */
function searchable(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, '')}g`)
}

/**
 * A watch over what a person would read. Each piece that arrives is looked at together with what came before it, so a
 * pattern that looks at the end (`$`, `\b`, a lookahead) is judged by how the screen stands then: `login: $` sees a prompt.
 * Of several things in one piece the one that ends first counts first.
 */
export function createWatch({ waitFor, failOn, replies }: WatchRules): Watch {
  const screen = createScreenText()
  const seekers: Seeker[] = [
    ...failOn.map((given) => ({
      patterns: [searchable(given)],
      next: 0,
      from: 0,
      see: (_: RegExp, _index: number, match: RegExpExecArray): Sighting => ({
        kind: 'failed',
        pattern: given,
        line: lineAt(text, match.index),
      }),
    })),
    {
      patterns: waitFor.map(searchable),
      next: 0,
      from: 0,
      see: (pattern, index) => ({
        kind: 'matched',
        pattern: waitFor[index] ?? pattern,
        last: index === waitFor.length - 1,
      }),
    },
    {
      patterns: replies.map(({ on }) => searchable(on)),
      next: 0,
      from: 0,
      see: (_, index) => ({ kind: 'reply', send: replies[index]?.send ?? '' }),
    },
  ]
  let text = ''
  let over = false

  /** The first thing there is to see. */
  function seeNext(): Sighting | undefined {
    let first: { seeker: Seeker; pattern: RegExp; match: RegExpExecArray; end: number } | undefined
    for (const seeker of seekers) {
      const pattern = seeker.patterns[seeker.next]
      if (pattern === undefined) continue
      pattern.lastIndex = seeker.from
      const match = pattern.exec(text)
      if (match === null) continue
      const end = match.index + match[0].length
      if (first === undefined || end < first.end) first = { seeker, pattern, match, end }
    }
    if (first === undefined) return undefined
    const { seeker, pattern, match, end } = first
    seeker.from = end
    return seeker.see(pattern, seeker.next++, match)
  }

  return {
    push(chunk) {
      const sightings: Sighting[] = []
      for (let at = 0; at < chunk.length; at += stepBytes) {
        text += screen.push(chunk.subarray(at, at + stepBytes))
        while (!over) {
          const sighting = seeNext()
          if (sighting === undefined) break
          sightings.push(sighting)
          over = sighting.kind === 'failed' || (sighting.kind === 'matched' && sighting.last)
        }
        if (text.length > 2 * keptLength) {
          const cut = text.length - keptLength
          text = text.slice(cut)
          // One character before the place to search from is kept, so that `^` does not take a cut for the start of a line.
          for (const seeker of seekers) seeker.from = Math.max(1, seeker.from - cut)
        }
      }
      return sightings
    },
    lastLines(count) {
      const lines = text.split('\n').map((line) => line.trimEnd())
      return lines.filter((line) => line !== '').slice(-count)
    },
  }
}
