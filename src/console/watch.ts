// What the console is watched for: patterns that end it well, patterns that end it badly, and questions that are answered.
import { createLineSearch, type Found, limitMs, type LineSearch } from './line-search.ts'
import { createScreenText } from './screen-text.ts'
import type { Budget } from './time-limit.ts'

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
  /** Looks at the lines that are finished by now. */
  push(chunk: Buffer): Sighting[]
  /** Looks at the line that is not finished, such as a prompt: when nothing more has come for a moment. */
  settle(): Sighting[]
  /** The last lines, as a person would read them; at most `count`. */
  lastLines(count: number): string[]
}

/** Characters that are looked at together; a longer line is looked at in pieces that overlap by half. */
const maxLookLength = 16_384
/** The longest match that is found wherever it stands, in characters. */
export const maxMatchLength = maxLookLength / 2
/** Bytes looked at together; a longer chunk is cut, so that what is kept never grows with it. */
const stepBytes = 32_768
/** How much text is kept for `lastLines`. */
const keptLength = 8192

/** Looks for one pattern after the other, each behind the end of the one before. */
interface Seeker {
  searches: readonly LineSearch[]
  next: number
  /** Where in the text to go on. */
  from: number
  see: (index: number, found: Found, text: string) => Sighting
}

function createSeekers({ waitFor, failOn, replies }: WatchRules, budget: Budget): Seeker[] {
  const seek = (patterns: readonly RegExp[], see: Seeker['see']): Seeker => ({
    searches: patterns.map((pattern) => createLineSearch(pattern, budget)),
    next: 0,
    from: 0,
    see,
  })
  return [
    ...failOn.map((pattern) =>
      seek([pattern], (_index, { lineStart, lineEnd }, text) => ({
        kind: 'failed',
        pattern,
        line: text.slice(lineStart, lineEnd).trim(),
      })),
    ),
    ...waitFor.slice(0, 1).map((first) =>
      seek(waitFor, (index) => ({
        kind: 'matched',
        pattern: waitFor[index] ?? first,
        last: index === waitFor.length - 1,
      })),
    ),
    seek(
      replies.map(({ on }) => on),
      (index) => ({ kind: 'reply', send: replies[index]?.send ?? '' }),
    ),
  ]
}

/**
 * A watch over what a person would read. Patterns are looked for in each line, as grep does, once it is finished, so that it
 * does not matter how the bytes were cut; in a line that is not, when it has been still for a moment (`settle`).
 * Of several things in a line the one that ends first counts first.
 */
export function createWatch(rules: WatchRules): Watch {
  const screen = createScreenText()
  const budget = { leftMs: limitMs }
  const seekers = createSeekers(rules, budget)
  /** The line that is not finished, or as much of a long one as may still be needed. */
  let pending = ''
  let recent = ''
  let over = false

  /** Sees what there is to see in a text, thing by thing. */
  function look(text: string): Sighting[] {
    const sightings: Sighting[] = []
    while (!over) {
      let first: { seeker: Seeker; found: Found } | undefined
      for (const seeker of seekers) {
        const found = seeker.searches[seeker.next]?.(text, seeker.from)
        if (found !== undefined && (first === undefined || found.end < first.found.end)) first = { seeker, found }
      }
      if (first === undefined) break
      const { seeker, found } = first
      seeker.from = found.end
      const sighting = seeker.see(seeker.next++, found, text)
      sightings.push(sighting)
      over = sighting.kind === 'failed' || (sighting.kind === 'matched' && sighting.last)
    }
    return sightings
  }

  /** Looks at lines that are finished; what comes next begins a line. */
  function lookAtLines(lines: string): Sighting[] {
    const sightings = look(lines.slice(0, -1))
    for (const seeker of seekers) seeker.from = 0
    recent = lines.length < keptLength ? (recent + lines).slice(-2 * keptLength) : lines
    pending = ''
    return sightings
  }

  /** Looks at a line that is too long to be kept, and forgets the first half of it. */
  function lookAtPiece(piece: string): Sighting[] {
    const sightings = look(piece)
    // One character before the place to search from is kept, so that `^` does not take it for the start of a line.
    const cut = piece.length - maxMatchLength - 1
    for (const seeker of seekers) seeker.from = Math.max(1, seeker.from - cut)
    pending = piece.slice(cut)
    return sightings
  }

  /** Takes in text: the line that was begun, then whole lines together, then the line that begins. */
  function take(text: string): Sighting[] {
    const sightings: Sighting[] = []
    for (let at = 0; at < text.length;) {
      const room = maxLookLength - pending.length
      const newline = pending === '' ? text.lastIndexOf('\n', at + room - 1) : text.indexOf('\n', at)
      if (newline >= at && newline < at + room) {
        const lines = text.slice(at, newline + 1)
        sightings.push(...lookAtLines(pending + lines))
        at = newline + 1
      } else if (text.length - at > room) {
        sightings.push(...lookAtPiece(pending + text.slice(at, at + room)))
        at += room
      } else {
        pending += text.slice(at)
        at = text.length
      }
    }
    return sightings
  }

  return {
    push(chunk) {
      budget.leftMs = limitMs
      const sightings: Sighting[] = []
      for (let at = 0; at < chunk.length; at += stepBytes) {
        sightings.push(...take(screen.push(chunk.subarray(at, at + stepBytes))))
      }
      return sightings
    },
    settle() {
      budget.leftMs = limitMs
      return pending === '' ? [] : look(pending)
    },
    lastLines(count) {
      const lines = `${recent}${pending}`.split('\n').map((line) => line.trimEnd())
      return lines.filter((line) => line !== '').slice(-count)
    },
  }
}
