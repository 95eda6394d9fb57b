// Reads ssh_config files line by line, in the order in which OpenSSH does (readconf.c): a line's Match may depend on
// the settings in the lines before it. The first value wins.
import { networkInterfaces } from 'node:os'
import { isAbsolute } from 'node:path'
import { ConsoleError } from '../../errors.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import { type ConfigFiles, expandTilde } from './find-files.ts'
import { canonicalKeyword, cumulative } from './keywords.ts'
import { judgeMatch } from './match.ts'
import { matchesPattern } from './pattern.ts'
import { namePlace, type ConfigPlace, refuseLine } from './place.ts'
import { checkJump, expandHostName, isNone } from './jump.ts'
import { type ConfigLine, readLine } from './read-line.ts'
import { cutKeyword } from './words.ts'

/** The arguments of a keyword and their position; without a position if they come from the command line. */
export interface ConfigValue {
  words: readonly string[]
  place: ConfigPlace | undefined
  isUserFile: boolean
}

/** The settings read so far. */
export interface Reading {
  /** The host to match: the given name, or in the second reading the name in HostName. */
  host: string
  originalHost: string
  localUser: string
  home: string
  env: Record<string, string | undefined>
  files: ConfigFiles
  values: Map<string, ConfigValue[]>
  /** The parts that were ignored, one sentence each. */
  notes: Set<string>
  isFinal: boolean
  wantsFinal: boolean
}

/** A file, and the block in it that the reader is in. */
interface Source {
  file: string
  isUserFile: boolean
  depth: number
  /** True if the current Host or Match block applies to the host. */
  active: boolean
  /** True if the Include of this file does not apply to the host: its lines are only checked. */
  checkOnly: boolean
}

const deepestInclude = 16
const maxIdentityFiles = 100

/** The first word of a keyword's first value. */
export function firstWord(reading: Reading, keyword: string): string | undefined {
  return reading.values.get(keyword)?.[0]?.words[0]
}

/** Records a value, unless an earlier one exists. */
function addValue(reading: Reading, { keyword, words }: ConfigLine, source: Source, place: ConfigPlace): void {
  const name = canonicalKeyword(keyword)
  const { values } = reading
  const before = values.get(name) ?? []
  const value: ConfigValue = { words, place, isUserFile: source.isUserFile }
  if (cumulative.has(name)) {
    if (before.length >= maxIdentityFiles) refuseLine(place, `more than ${maxIdentityFiles} identity files`)
    const known = before.some(({ words: [word], isUserFile }) => word === words[0] && isUserFile === source.isUserFile)
    if (!known) values.set(name, [...before, value])
  } else if (name === 'proxyjump' || name === 'proxycommand') {
    // The first of the two wins; only `ProxyJump none` allows a ProxyCommand after it.
    const jump = firstWord(reading, 'proxyjump')
    const isTaken = values.has('proxycommand') || (jump !== undefined && (name === 'proxyjump' || !isNone(jump)))
    if (!isTaken) values.set(name, [value])
  } else if (before.length === 0) {
    values.set(name, [value])
  }
}

function isHostInList(host: string, patterns: readonly string[]): boolean {
  let exists = false
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!')
    if (!matchesPattern(host, negated ? pattern.slice(1) : pattern)) continue
    if (negated) return false
    exists = true
  }
  return exists
}

function isMatch(reading: Reading, rest: string, source: Source, place: ConfigPlace): boolean {
  const name = firstWord(reading, 'hostname')
  const host =
    name === undefined || reading.isFinal ? (name ?? reading.host) : expandHostName(name, reading.host, place)
  const { matches, wantsFinal, passedOver } = judgeMatch(
    rest,
    {
      host,
      originalHost: reading.originalHost,
      user: firstWord(reading, 'user') ?? reading.localUser,
      localUser: reading.localUser,
      tag: firstWord(reading, 'tag') ?? '',
      isFinal: reading.isFinal,
      addresses: Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
    },
    place,
  )
  if (wantsFinal) reading.wantsFinal = true
  if (passedOver !== undefined && !source.checkOnly) {
    reading.notes.add(`${namePlace(place)}: the block is ignored, as metalkit does not evaluate "Match ${passedOver}"`)
  }
  return matches
}

async function readIncluded(
  reading: Reading,
  words: readonly string[],
  source: Source,
  place: ConfigPlace,
): Promise<void> {
  for (const word of words) {
    if (word.startsWith('~') && !source.isUserFile) refuseLine(place, `bad include path "${word}"`)
    const anchor = source.isUserFile ? '~/.ssh' : '/etc/ssh'
    const path = await expandTilde(isAbsolute(word) || word.startsWith('~') ? word : `${anchor}/${word}`, reading.home)
    for (const file of path === undefined ? [] : await reading.files.find(path)) {
      const checkOnly = source.checkOnly || !source.active
      const exists = await readConfigFile(reading, { ...source, file, depth: source.depth + 1, checkOnly }, place)
      if (!exists) refuseLine(place, `"${file}" does not exist`, 'remove the link, or name another file')
    }
  }
}

/** Handles lines that control others or name a file; any other line is a value. */
async function applyLine(reading: Reading, line: ConfigLine, source: Source, place: ConfigPlace): Promise<void> {
  if (line.kind === 'host') {
    source.active = !source.checkOnly && isHostInList(reading.host, line.words)
  } else if (line.kind === 'match') {
    source.active = isMatch(reading, line.rest, source, place) && !source.checkOnly
  } else if (line.kind === 'include') {
    await readIncluded(reading, line.words, source, place)
  } else {
    if (line.kind === 'jump') checkJump(line.words[0] ?? '', place)
    if (line.keyword === 'identityagent') checkAgent(line.words[0] ?? '', reading.env, place)
    if (source.active) addValue(reading, line, source, place)
  }
}

/** ssh looks up the variables of an IdentityAgent when it reads the line. */
function checkAgent(word: string, env: Reading['env'], place: ConfigPlace): void {
  const missing = [...word.matchAll(/\$\{([^}]*)\}?/g)].find(
    ([whole, name = '']) => !whole.endsWith('}') || env[name] === undefined,
  )
  if (missing !== undefined) refuseLine(place, `the environment has no variable for "${missing[0]}"`)
  if (/^\$(?!\{)/.test(word) && !/^\$\w+$/.test(word)) refuseLine(place, `"${word}" is not a variable`)
}

/** Reads a file; false if there is none. @throws ConsoleError for a line that ssh refuses, and a file that cannot be read */
async function readConfigFile(reading: Reading, source: Source, from?: ConfigPlace): Promise<boolean> {
  if (source.depth > deepestInclude && from !== undefined) {
    refuseLine(from, `Include goes deeper than ${deepestInclude} files`, 'look for a file that includes itself')
  }
  let text: string
  try {
    text = await reading.files.read(source.file)
  } catch (error) {
    const code = errorCode(error) ?? ''
    // A folder can be opened, and has no lines.
    if (code === 'EISDIR') return true
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw new ConsoleError(`ssh's configuration "${source.file}" cannot be read: ${describeCondition(error)}`, {
      hint: 'make it readable by you',
      cause: error,
    })
  }
  for (const [index, written] of text.split('\n').entries()) {
    // C's strings end at a NUL.
    const cut = cutKeyword(written.replace(/\0.*/s, ''))
    if (cut === undefined) continue
    const place = { file: source.file, line: index + 1 }
    const line = readLine(cut.keyword, cut.rest, firstWord(reading, 'ignoreunknown'), place)
    if (line !== undefined) await applyLine(reading, line, source, place)
  }
  return true
}

/** Reads the user's file and the system's into `reading`. @throws ConsoleError as above */
export async function readConfigFiles(reading: Reading, files: readonly string[]): Promise<void> {
  for (const [index, file] of files.entries()) {
    await readConfigFile(reading, { file, isUserFile: index === 0, depth: 0, active: true, checkOnly: false })
  }
}
