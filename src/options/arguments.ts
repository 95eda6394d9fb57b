// Converts the command-line syntax of Go programs to the form that commander reads.
import { UsageError } from '../errors.ts'
import type { Flag } from './flags/flag.ts'
import { flags, globalFlagNames } from './flags.ts'

const byName = new Map<string, Flag>()
// Flags of one name have one syntax; the first is the usual one, and serves for messages.
for (const flag of Object.values<Flag>(flags).toReversed()) {
  byName.set(flag.name, flag)
  if (flag.short !== undefined) byName.set(flag.short, flag)
}
const globals = new Set<Flag>(globalFlagNames.map((name) => flags[name]))

/** A word of the command line. For a known flag, `text` is its value; undefined if the value is missing. */
interface Part {
  word: string
  flag?: Flag
  text?: string | undefined
  /** The next word, if the value is not in the same word. */
  next?: string | undefined
}

function takesText(flag: Flag): boolean {
  return flag.kind === 'value' || flag.kind === 'list'
}

/** Whether the word after a flag is the next flag, not a value: a known flag, or a word with two dashes. */
function isNextFlag(word: string, { secret }: Flag): boolean {
  const name = /^--?([^-=][^=]*)/.exec(word)?.[1]
  if (word === '--' || name === 'help' || name === 'h' || (name !== undefined && byName.has(name))) return true
  return secret !== true && /^--[a-z]/i.test(word)
}

/** The words up to `--`, flags together with their values. */
function splitParts(argv: readonly string[]): Part[] {
  const parts: Part[] = []
  for (let i = 0; i < argv.length && argv[i] !== '--'; i++) {
    const word = argv[i] ?? ''
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word)
    const name = match?.[1] ?? ''
    const next = argv[i + 1]
    if (/^-v{2,}$/.test(word)) {
      parts.push({ word, flag: flags.verbose, text: String(name.length) })
      continue
    }
    const flag = byName.get(name)
    const inline = match?.[2]
    if (flag === undefined) {
      parts.push({ word: name.length > 1 ? `-${word.replace(/^-+/, '-')}` : word })
    } else if (inline !== undefined) {
      parts.push({ word, flag, text: inline })
    } else if (!takesText(flag)) {
      parts.push({ word, flag, text: flag.kind === 'count' ? '+1' : 'true', next })
    } else if (next === undefined || isNextFlag(next, flag)) {
      parts.push({ word, flag, next })
    } else {
      parts.push({ word, flag, text: next })
      i++
    }
  }
  return parts
}

/**
 * Converts Go's flag syntax to the only form that commander reads: `-serve :8080` and `-serve=:8080` become
 * `--serve=:8080`, `-keep` becomes `--keep=true`, and the flags of all commands (-q, -v) move to the front.
 * Stops at `--`. Unknown flags stay unchanged.
 */
export function normaliseArgs(argv: readonly string[]): string[] {
  const front: string[] = []
  const rest: string[] = []
  for (const { word, flag, text } of splitParts(argv)) {
    if (flag === undefined) rest.push(word)
    else (globals.has(flag) ? front : rest).push(text === undefined ? `--${flag.name}` : `--${flag.name}=${text}`)
  }
  const dashes = argv.indexOf('--')
  return [...front, ...rest, ...(dashes === -1 ? [] : argv.slice(dashes))]
}

/** @throws UsageError for a flag without its value, or a boolean whose value is a separate word */
export function checkValues(argv: readonly string[]): void {
  for (const { flag, text, next } of splitParts(argv)) {
    if (flag === undefined) continue
    const { name, placeholder = 'value', kind } = flag
    if (text === undefined) {
      const follower =
        next === undefined || next === '--' ? '' : `, and ${JSON.stringify(next.replace(/=.*/s, ''))} is a flag`
      throw new UsageError(`--${name} needs a value${follower}`, { hint: `write --${name}=<${placeholder}>` })
    }
    if (kind === 'boolean' && next !== undefined && /^(true|false|yes|no|on|off)$/i.test(next)) {
      const why = `the value of --${name} is a separate word, ${JSON.stringify(next)}, which would be read as an argument`
      throw new UsageError(why, { hint: `write --${name}=${next}` })
    }
  }
}
