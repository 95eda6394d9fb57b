// Searches each line of a text for a pattern, as grep does, at the speed of searching the text as a whole.
import { PatternError } from '../errors.ts'
import { type Budget, runLimited } from './cpu-limit.ts'

/** A match: indices into the text of its line, its start and its end. */
export interface LineMatch {
  index: number
  end: number
  lineStart: number
  lineEnd: number
}

/** Finds the first match at or after `from`; `^`, `\b` and lookbehind see the preceding part of its line. */
export type LineSearch = (text: string, from: number) => LineMatch | undefined

/** Characters that match themselves in a regular expression. */
const literal = /^[\w ,:;"'<>=@#%&!~`/-]+/
/** Constructs that look past the line, or whose cost across lines grows with the square of the text. */
const boundless = /\(\?<?[=!]|\[\^|\\[sWDP]/
/** A pattern of only characters and classes takes time linear in the text. */
const linear = /^(?:\\.|\[(?:\\.|[^\]\\])*\]|[^\\[*+?{(])*$/
/** Processor time that all patterns together may take before signals and timers are handled; ordinary patterns take under 1 ms. */
export const maxMs = 500

/** The literal prefix of every match, as far as it is easy to tell; '' means any. */
export function readPrefix({ source, flags }: RegExp): string {
  const run = literal.exec(source)?.[0] ?? ''
  if (/[iv]/.test(flags)) return ''
  // A top-level alternative removes the prefix; bars in groups and classes do not.
  let depth = 0
  for (const [token] of source.matchAll(/\\.|\[(?:\\.|[^\]])*\]|[()|]/g)) {
    if (token === '(') depth++
    else if (token === ')') depth--
    else if (token === '|' && depth <= 0) return ''
  }
  return '*?{'.includes(source[run.length] ?? ' ') ? run.slice(0, -1) : run
}

/** The tokens of a regular expression, as far as needed here: escapes, classes, counts and single characters. */
const tokens = /\\(?:x[\da-f]{2}|u\{?[\da-f]+\}?|c[a-z]|k<[^>]*>|p\{[^}]*\}|\d+|.)|\[(?:\\.|[^\]\\])*\]|\{[^}]*\}|./gi

/** The longest literal text in every match, as far as it is easy to tell; '' means any. */
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
    // A repeated token may be absent.
    endRun(/^[*?{]/.test(token) ? run.slice(0, -1) : run)
    if (token === '(') depth++
    else if (token === ')') depth--
  }
  endRun(run)
  return longest
}

/**
 * A search for a pattern that never matches across a line end; `^` and `$` match at line ends. Most patterns are searched in the
 * whole text first: that never misses a line, and only a match across lines needs a second look.
 * @param budget the processor time shared by all patterns
 * @throws PatternError (from the search) if it takes too long
 */
export function createLineSearch(pattern: RegExp, budget: Budget = { leftMs: maxMs }): LineSearch {
  const regex = new RegExp(pattern.source, `${pattern.flags.replace(/[gmsy]/g, '')}gm`)
  const prefix = readPrefix(pattern)

  /** Line by line. */
  function searchLines(text: string, from: number): LineMatch | undefined {
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
  function searchText(text: string, from: number): LineMatch | undefined {
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
    const others = budget.leftMs < maxMs / 2 ? ' and the patterns before it' : ''
    throw new PatternError(`searching a line of the console for ${pattern}${others} took more than ${maxMs / 1000} s`, {
      hint: 'use a pattern that begins with literal text and has fewer * and +',
    })
  }
}
