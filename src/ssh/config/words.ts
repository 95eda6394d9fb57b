// A line of ssh_config as words. OpenSSH cuts it in two ways: the keyword, and the conditions of Match, by white space,
// `=` and double quotes; arguments by white space, both kinds of quotes and escapes. This file preserves the difference.

/** A word and what follows it; rest is undefined at the end of the line. */
export interface WordAndRest {
  word: string
  rest: string | undefined
}

const skipSpace = (text: string) => text.replace(/^[ \t\r\n]+/, '')

/** Cuts off the keyword or a word of Match. Undefined at the end, and if a quote is not closed. */
export function cutWord(text: string | undefined): WordAndRest | undefined {
  if (text === undefined) return undefined
  const at = text.search(/[ \t\r\n"=]/)
  if (at === -1) return { word: text, rest: undefined }
  const before = text.slice(0, at)
  if (text[at] === '"') {
    const end = text.indexOf('"', at + 1)
    if (end === -1) return undefined
    return { word: before + text.slice(at + 1, end), rest: skipSpace(text.slice(end + 1)) }
  }
  const rest = skipSpace(text.slice(at + 1))
  // One `=` is skipped, with the space around it.
  return { word: before, rest: text[at] !== '=' && rest.startsWith('=') ? skipSpace(rest.slice(1)) : rest }
}

/** A keyword in lower case and what follows it; undefined for an empty line and a comment. */
export function cutKeyword(line: string): { keyword: string; rest: string } | undefined {
  const text = (line[0] ?? '') + line.slice(1).replace(/[ \t\r\n\f]+$/, '')
  let cut = cutWord(text)
  if (cut?.word === '') cut = cutWord(cut.rest)
  if (cut === undefined || cut.word === '' || cut.word.startsWith('#')) return undefined
  return { keyword: cut.word.toLowerCase(), rest: skipSpace(cut.rest ?? '') }
}

/** The arguments of a keyword, up to a comment; undefined if a quote is not closed. */
export function splitArguments(text: string): string[] | undefined {
  const words: string[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === ' ' || text[at] === '\t') continue
    if (text[at] === '#') break
    let quote = ''
    let word = ''
    for (; at < text.length; at++) {
      const char = text.charAt(at)
      const next = text.charAt(at + 1)
      if (char === '\\') {
        // Only these are escapes; any other backslash stands for itself.
        const escaped = next !== '' && (`'"\\`.includes(next) || (quote === '' && next === ' '))
        word += escaped ? next : char
        if (escaped) at++
      } else if (quote === '' && (char === ' ' || char === '\t')) break
      else if (quote === '' && (char === '"' || char === "'")) quote = char
      else if (quote !== '' && char === quote) quote = ''
      else word += char
    }
    if (quote !== '') return undefined
    words.push(word)
  }
  return words
}
