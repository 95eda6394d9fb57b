// Completions of a partial command line: pure data from the tables of commands and flags.
import { type Command, findCommand } from '../options/command.ts'
import type { Completes, Flag } from '../options/flags/flag.ts'
import { flags, globalFlagNames } from '../options/flags.ts'

/** A completion with its description. */
export interface Choice {
  text: string
  help: string
}

/** Possible completions: words from the tables, files that the shell finds itself, or names that must be looked up. */
export interface Suggestion {
  kind: 'words' | Completes
  choices: readonly Choice[]
  /** The text before the value in the completed word, such as `--metro=`. */
  before: string
  /** The value as far as it is typed. */
  typed: string
}

const trueOrFalse = ['true', 'false']

/** The values of a flag or an argument. */
function valuesOf(
  of: { choices?: readonly string[]; completes?: Completes } | undefined,
  before: string,
  typed: string,
): Suggestion {
  const choices = of?.choices?.map((text) => ({ text, help: '' })) ?? []
  return { kind: of?.completes ?? 'words', choices, before, typed }
}

function valuesOfFlag(flag: Flag, before: string, typed: string): Suggestion {
  return valuesOf(flag.kind === 'boolean' ? { choices: trueOrFalse } : flag, before, typed)
}

/** Parses a word as a flag: its name, and its value after an equals sign. */
function readFlag(word: string): { dashes: string; name: string; value: string | undefined } | undefined {
  const match = /^(--?)([^-=][^=]*)?(?:=(.*))?$/s.exec(word)
  return match === null ? undefined : { dashes: match[1] ?? '', name: match[2] ?? '', value: match[3] }
}

function flagsOf(command: Command | undefined): Flag[] {
  return [...(command?.flags ?? []), ...globalFlagNames].map((name) => flags[name])
}

function flagOf(command: Command | undefined, name: string): Flag | undefined {
  return flagsOf(command).find((flag) => flag.name === name || flag.short === name)
}

function takesText(flag: Flag | undefined): boolean {
  return flag?.kind === 'value' || flag?.kind === 'list'
}

/** All flags of a command, with as many dashes as were typed. */
function flagChoices(command: Command | undefined, typed: string): Suggestion {
  const dashes = typed.startsWith('-') && !typed.startsWith('--') && typed.length > 1 ? '-' : '--'
  const choices = flagsOf(command).map(({ name, help }) => ({ text: `${dashes}${name}`, help }))
  choices.push({ text: `${dashes}help`, help: 'print this help' })
  if (command === undefined) choices.push({ text: `${dashes}version`, help: 'print the version' })
  return { kind: 'words', choices, before: '', typed }
}

/** The words that lead on to a command. */
function commandChoices(commands: readonly Command[], words: readonly string[], typed: string): Suggestion {
  const choices = new Map<string, Choice>()
  for (const command of commands) {
    const parts = command.words.split(' ')
    const next = parts[words.length]
    if (next === undefined || !words.every((word, at) => word === parts[at])) continue
    choices.set(next, { text: next, help: command.summary })
  }
  return { kind: 'words', choices: [...choices.values()], before: '', typed }
}

/**
 * The completions of the last word.
 * @param typedWords the words after the program's name up to the cursor; the last may be empty
 */
export function suggest(commands: readonly Command[], typedWords: readonly string[]): Suggestion {
  const words = typedWords.slice(0, -1)
  const typed = typedWords.at(-1) ?? ''
  const plain: string[] = []
  let command: Command | undefined
  let awaiting: Flag | undefined
  for (const word of words) {
    if (awaiting !== undefined) {
      awaiting = undefined
      continue
    }
    // Another command line follows, often one of ours for a lab to run.
    if (word === '--') {
      const [program, ...inner] = typedWords.slice(typedWords.indexOf(word) + 1)
      const isOurs = inner.length > 0 && program?.split('/').at(-1) === 'metalkit'
      return isOurs ? suggest(commands, inner) : { kind: 'files', choices: [], before: '', typed }
    }
    const flagWord = readFlag(word)
    if (flagWord === undefined) {
      plain.push(word)
      command = findCommand(commands, plain) ?? command
    } else {
      const flag = flagOf(command, flagWord.name)
      if (takesText(flag) && flagWord.value === undefined) awaiting = flag
    }
  }
  if (awaiting !== undefined) return valuesOfFlag(awaiting, '', typed)
  const flagWord = readFlag(typed)
  if (flagWord?.value !== undefined) {
    const flag = flagOf(command, flagWord.name)
    const before = typed.slice(0, typed.length - flagWord.value.length)
    return flag === undefined ? valuesOf(undefined, before, flagWord.value) : valuesOfFlag(flag, before, flagWord.value)
  }
  if (typed.startsWith('-')) return flagChoices(command, typed)
  if (command?.words === 'help') return commandChoices(commands, plain.slice(1), typed)
  const subcommands = commandChoices(commands, plain, typed)
  if (command === undefined || subcommands.choices.length > 0) return subcommands
  const at = plain.length - command.words.split(' ').length
  const last = command.arguments.at(-1)
  return valuesOf(command.arguments[at] ?? (last?.variadic === true ? last : undefined), '', typed)
}
