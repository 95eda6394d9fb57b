// Watches the console: patterns of success, patterns of failure, and replies.
import { createLineSearch, type LineMatch, maxMs, type LineSearch } from './line-search.ts'
import { createScreenText } from './screen-text.ts'
import type { Budget } from './cpu-limit.ts'

/** The patterns that end a watched boot unless --no-default-failures is set. */
export const defaultFailures: readonly RegExp[] = [
  /Kernel panic - not syncing/,
  // iPXE, if it could not run the script or load a file; the link names the error. Errors after which iPXE continues, such as a
  // port without a cable, are excluded.
  /Could not (?:boot|select|start download)[^\n]*ipxe\.org\/[0-9a-f]{8}/,
  /Exec format error \(http/,
  // Firmware with no boot option left: SeaBIOS and vendor BIOSes, edk2.
  /No bootable (?:device|disk|medi(?:a|um)|option or device)/,
  // Plain words are found several times as fast as classes and alternatives, and all output is searched for these.
  /No operating system found/,
  /Operating System not found/,
  /Operating system not found/,
]

/** All of `waitFor` must appear, in this order; `replies` are a dialogue: each once, in this order. */
export interface WatchRules {
  waitFor: readonly RegExp[]
  failOn: readonly RegExp[]
  replies: readonly { on: RegExp; send: string }[]
}

/** A pattern that appeared. After `failed`, and after `matched` with `last`, the watch is over. */
export type Sighting =
  | { kind: 'matched'; pattern: RegExp; last: boolean }
  | { kind: 'failed'; pattern: RegExp; line: string }
  | { kind: 'reply'; send: string }

/** Watches console output; pieces may be split anywhere. */
export interface Watch {
  /** Searches the lines that are complete by now. */
  push(chunk: Buffer): Sighting[]
  /** Searches the incomplete line, such as a prompt, after a moment of silence. */
  settle(): Sighting[]
  /** The last `count` lines, as a person would read them. */
  lastLines(count: number): string[]
}

/** Characters that are searched together; a longer line is searched in pieces that overlap by half. */
const maxLookLength = 16_384
/** The longest match that is found anywhere, in characters. */
export const maxMatchLength = maxLookLength / 2
/** Bytes processed together; longer chunks are split, so that the kept text stays bounded. */
const stepBytes = 32_768
/** How much text is kept for `lastLines`. */
const keptLength = 8192

/** Searches for patterns in sequence, each after the end of the previous match. */
interface Seeker {
  searches: readonly LineSearch[]
  next: number
  /** The position in the text to continue from. */
  from: number
  see: (index: number, match: LineMatch, text: string) => Sighting
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
 * Watches the text that a person would read. A complete line is searched as soon as it ends, as grep does, so the way the bytes
 * were split does not matter; an incomplete line after a moment of silence (`settle`).
 * Of several matches in a line, the one that ends first is handled first.
 */
export function createWatch(rules: WatchRules): Watch {
  const screen = createScreenText()
  const budget = { leftMs: maxMs }
  const seekers = createSeekers(rules, budget)
  /** The incomplete line, or the part of a long one that may still be needed. */
  let pending = ''
  let recent = ''
  let over = false

  /** Finds everything in a text, match by match. */
  function look(text: string): Sighting[] {
    const sightings: Sighting[] = []
    while (!over) {
      let first: { seeker: Seeker; match: LineMatch } | undefined
      for (const seeker of seekers) {
        const match = seeker.searches[seeker.next]?.(text, seeker.from)
        if (match !== undefined && (first === undefined || match.end < first.match.end)) first = { seeker, match }
      }
      if (first === undefined) break
      const { seeker, match } = first
      seeker.from = match.end
      const sighting = seeker.see(seeker.next++, match, text)
      sightings.push(sighting)
      over = sighting.kind === 'failed' || (sighting.kind === 'matched' && sighting.last)
    }
    return sightings
  }

  /** Searches complete lines; the next text begins a line. */
  function lookAtLines(lines: string): Sighting[] {
    const sightings = look(lines.slice(0, -1))
    for (const seeker of seekers) seeker.from = 0
    recent = lines.length < keptLength ? (recent + lines).slice(-2 * keptLength) : lines
    pending = ''
    return sightings
  }

  /** Searches a line that is too long to keep, and drops its first half. */
  function lookAtPiece(piece: string): Sighting[] {
    const sightings = look(piece)
    // One character before the search position is kept, so that `^` does not match there.
    const cut = piece.length - maxMatchLength - 1
    for (const seeker of seekers) seeker.from = Math.max(1, seeker.from - cut)
    pending = piece.slice(cut)
    return sightings
  }

  /** Takes text: the rest of the current line, then complete lines, then the start of the next line. */
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
      budget.leftMs = maxMs
      const sightings: Sighting[] = []
      for (let at = 0; at < chunk.length; at += stepBytes) {
        sightings.push(...take(screen.push(chunk.subarray(at, at + stepBytes))))
      }
      return sightings
    },
    settle() {
      budget.leftMs = maxMs
      return pending === '' ? [] : look(pending)
    },
    lastLines(count) {
      const lines = `${recent}${pending}`.split('\n').map((line) => line.trimEnd())
      return lines.filter((line) => line !== '').slice(-count)
    },
  }
}
