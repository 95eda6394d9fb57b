// Looking for a pattern in each line of a text, as grep does, at the speed of looking for it in the text as a whole.

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

/**
 * A search for a pattern, which never matches across the end of a line; `^` and `$` are the ends of lines. Most patterns are
 * looked for in the whole text first: that finds no line too late, and only a match across lines has to be looked at anew.
 */
export function createLineSearch(pattern: RegExp): LineSearch {
  const regex = new RegExp(pattern.source, `${pattern.flags.replace(/[gmsy]/g, '')}gm`)
  const prefix = readPrefix(pattern)
  const alone = boundless.test(pattern.source)

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

  return (text, from) => {
    const start = prefix === '' ? from : text.indexOf(prefix, from)
    if (start === -1) return undefined
    if (alone) return searchLines(text, start)
    regex.lastIndex = start
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
}
