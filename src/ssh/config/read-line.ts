// The arguments of a line of ssh_config, checked as ssh checks them.
import { readFileSync } from 'node:fs'
import { type ArgumentKind, keywords } from './keywords.ts'
import { matchesList } from './pattern.ts'
import { type ConfigPlace, refuseLine } from './place.ts'
import { splitArguments } from './words.ts'

/** A line with a setting: its keyword in lower case, its arguments, and the text after the keyword as written. */
export interface ConfigLine {
  keyword: string
  kind: ArgumentKind
  words: string[]
  rest: string
}

const maxWords: Record<string, number> = { userknownhostsfile: 32, globalknownhostsfile: 32 }

/** A port, given as a number or as the name of a service; undefined for other text. */
export function readPort(text: string): number | undefined {
  const port = /^\s*\+?\d+$/.test(text) ? Number(text) : findService(text)
  return port !== undefined && port >= 1 && port <= 65_535 ? port : undefined
}

function findService(name: string): number | undefined {
  let text: string
  try {
    text = readFileSync('/etc/services', 'utf8')
  } catch {
    return undefined
  }
  for (const line of text.split('\n')) {
    const [service, place = '', ...aliases] = line.replace(/#.*/, '').split(/\s+/)
    if (place.endsWith('/tcp') && [service, ...aliases].includes(name)) return Number.parseInt(place)
  }
  return undefined
}

/** Why a single argument is not accepted; undefined if it is. */
function complain(kind: ArgumentKind, word: string): string | undefined {
  if (typeof kind !== 'string') {
    return kind.includes(word.toLowerCase()) ? undefined : `"${word}" is not one of ${kind.join(', ')}`
  }
  const rules: Partial<Record<typeof kind, [isRight: (word: string) => boolean, why: string]>> = {
    flag: [(text) => /^(yes|no|true|false)$/i.test(text), `"${word}" is neither yes nor no`],
    number: [(text) => /^\s*\+?\d+$/.test(text) && Number(text) < 2 ** 31, `"${word}" is not a number`],
    time: [(text) => text === 'none' || /^(\d+[smhdw]?)+$/i.test(text), `"${word}" is not a time`],
    port: [(text) => readPort(text) !== undefined, `bad port "${word}"`],
  }
  const [isRight, why] = rules[kind] ?? []
  return isRight === undefined || isRight(word) ? undefined : why
}

/** Checks the words of a keyword that accepts several. */
function checkWords(keyword: string, kind: ArgumentKind, words: readonly string[], place: ConfigPlace): void {
  if (words.includes('')) refuseLine(place, `${keyword} has an empty argument`)
  if (kind === 'host' || kind === 'include') return
  if (words.length > 1 && words.some((word) => word.toLowerCase() === 'none')) {
    refuseLine(place, `"none" must be the only argument of ${keyword}`)
  }
  if (words.length > (maxWords[keyword] ?? Infinity)) refuseLine(place, `${keyword} has too many arguments`)
}

/** Reads the text after a keyword; undefined for a keyword to ignore. @throws ConsoleError for a line that ssh refuses */
export function readLine(
  keyword: string,
  rest: string,
  ignoredUnknown: string | undefined,
  place: ConfigPlace,
): ConfigLine | undefined {
  const kind = keywords.get(keyword)
  if (kind === undefined && ignoredUnknown === undefined && keyword.startsWith('\ufeff')) {
    refuseLine(place, 'the file begins with a byte-order mark', 'save it as UTF-8 without one; ssh refuses it too')
  }
  if (rest === '') refuseLine(place, `no argument after keyword "${keyword}"`)
  const words = splitArguments(rest)
  if (kind === undefined) {
    if (ignoredUnknown === undefined || !matchesList(keyword, ignoredUnknown.toLowerCase())) {
      const hint = `correct it, or write "IgnoreUnknown ${keyword}" before it if your ssh knows it`
      refuseLine(place, `bad configuration option "${keyword}"`, hint)
    }
    if (words === undefined) refuseLine(place, 'a quote is not closed')
    return undefined
  }
  if (words === undefined) refuseLine(place, 'a quote is not closed')
  if (kind === 'ignored' || kind === 'loose') return undefined
  if (kind === 'match') return { keyword, kind, words, rest }
  if (kind === 'jump' || kind === 'command') {
    return { keyword, kind, words: [rest.replace(/^[ \t\r\n=]+/, '')], rest }
  }
  if (kind === 'host' || kind === 'include' || kind === 'files' || kind === 'words') {
    checkWords(keyword, kind, words, place)
    return { keyword, kind, words, rest }
  }
  const [word = '', ...more] = words
  if (word === '') refuseLine(place, `${keyword} has no argument`)
  const why = complain(kind, word)
  if (why !== undefined) refuseLine(place, why)
  if (more.length > 0) refuseLine(place, `${keyword} has more than one argument`)
  return { keyword, kind, words: [word], rest }
}
