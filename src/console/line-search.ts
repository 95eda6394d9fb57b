// Looking for a pattern in each line of a text, as grep does, at the speed of looking for it in the text as a whole.
import { PatternError } from '../errors.ts'
import { type Budget, runLimited } from './time-limit.ts'

/** Where a pattern matches: indices into the text, the line's own, and past the match. */
export interface Found {
  index: number
  end: number
  lineStart: number
  lineEnd: number
}

/** Finds the first match at or after `from`; what lies before it in its line is seen by `^`, `\b` and the like. */
export type LineSearch = (text: string, from: number) => Found | undefined

/** Characters that mean themselves in a regular expression. */
const literal = /^[\w ,:;"'<>=@#%&!~`/-]+/
/** What sees beyond its line, or runs on there at a cost that grows with the square of the text. */
const boundless = /\(\?<?[=!]|\[\^|\\[sWDP]/
/** A pattern of characters and classes alone is looked for in a time that only grows with the text. */
const linear = /^(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\\[*+?{(])*$/
/** How long the processor may look for patterns, all together, before signals and timers are heeded again; ordinary ones take less than a millisecond. */
export const limitMs = 500

/** The text that every match begins with, as far as that is easily told; '' is any. */
export function readPrefix({ source, flags }: RegExp): string {
  const run = literal.exec(source)?.[0] ?? ''
  if (/[iv]/.test(flags)) return ''
  // An alternative to the prefix makes it none; bars in groups and classes are other alternatives.
  let depth = 0
  for (const [token] of source.matchAll(/\\.|\[(?:\\.|[^\]])*\]|[()|]/g)) {
    if (token === '(') depth++
    else if (token === ')') depth--
    else if (token === '|' && depth <= 0) return ''
  }
  return '*?{'.includes(source[run.length] ?? ' ') ? run.slice(0, -1) : run
}

/** What a regular expression is made of, as far as is needed here: escapes, classes, counts, and single characters. */
const tokens = /\\(?:x[\da-f]{2}|u\{?[\da-f]+\}?|c[a-z]|k<[^>]*>|p\{[^}]*\}|\d+|.)|\[(?:\\.|[^\]\\])*\]|\{[^}]*\}|./gi

/** The longest text that every match has in it, as far as is easily told; '' is any. */
export function readWord({ source, flags }: RegExp): string {
  if (/[iv]/.test(flags)) return ''
  let depth = 0
  let run = ''
  let longest = ''
  const endRun = (text: string) => {
    if (text.length > longest.length) longest = text
    run = ''
  }
  for (const [token] of source.matchAll(tokens)) {
    if (depth === 0 && literal.test(token)) {
      run += token
      continue
    }
    if (token === '|' && depth === 0) return ''
    // What is repeated may be absent.
    endRun(/^[*?{]/.test(token) ? run.slice(0, -1) : run)
    if (token === '(') depth++
    else if (token === ')') depth--
  }
  endRun(run)
  return longest
}

/**
 * A search for a pattern, which never matches across the end of a line; `^` and `$` are the ends of lines. Most patterns are
 * looked for in the whole text first: that finds no line too late, and only a match across lines has to be looked at anew.
 * @param budget of the processor's time, shared by patterns that are looked for one after the other
 * @throws PatternError (the search) where it takes too long
 */
export function createLineSearch(pattern: RegExp, budget: Budget = { leftMs: limitMs }): LineSearch {
  const regex = new RegExp(pattern.source, `${pattern.flags.replace(/[gmsy]/g, '')}gm`)
  const prefix = readPrefix(pattern)

  /** Line by line. */
  function searchLines(text: string, from: number): Found | undefined {
    let lineStart = from === 0 ? 0 : text.lastIndexOf('\n', from - 1) + 1
    while (lineStart <= text.length) {
      const newline = text.indexOf('\n', lineStart)
      const lineEnd = newline === -1 ? text.length : newline
      regex.lastIndex = Math.max(0, from - lineStart)
      const match = regex.exec(text.slice(lineStart, lineEnd))
      if (match !== null) {
        const index = lineStart + match.index
        return { index, end: index + match[0].length, lineStart, lineEnd }
      }
      lineStart = lineEnd + 1
    }
    return undefined
  }

  /** In the text as a whole. */
  function searchText(text: string, from: number): Found | undefined {
    regex.lastIndex = from
    const match = regex.exec(text)
    if (match === null) return undefined
    const { index } = match
    const end = index + match[0].length
    const newline = text.indexOf('\n', index)
    const lineEnd = newline === -1 ? text.length : newline
    if (end > lineEnd) return searchLines(text, index)
    const lineStart = index === 0 ? 0 : text.lastIndexOf('\n', index - 1) + 1
    return { index, end, lineStart, lineEnd }
  }

  const search = boundless.test(pattern.source) ? searchLines : searchText
  const word = prefix === '' ? readWord(pattern) : ''
  const findStart = (text: string, from: number) => {
    if (prefix !== '') return text.indexOf(prefix, from)
    const at = word === '' ? from : text.indexOf(word, from)
    return at <= from ? at : Math.max(from, text.lastIndexOf('\n', at) + 1)
  }
  const isLinear = linear.test(pattern.source)
  return (text, from) => {
    const start = findStart(text, from)
    if (start === -1) return undefined
    if (isLinear) return search(text, start)
    const done = runLimited(() => search(text, start), budget)
    if (done !== undefined) return done.result
    const others = budget.leftMs < limitMs / 2 ? ' and the patterns before it' : ''
    throw new PatternError(
      `looking for ${pattern}${others} in a line of the console took more than ${limitMs / 1000} s`,
      {
        hint: 'give a pattern that begins with the words it looks for and has fewer of * and +',
      },
    )
  }
}
