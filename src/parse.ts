// Parses a command line with commander. It is loaded only to run a command, since help does not need it.
import { Command as Program, CommanderError, Option } from 'commander'
import { type Command, findCommand } from './options/command.ts'
import type { Flag } from './options/flags/flag.ts'
import { type FlagName, flags, globalFlagNames } from './options/flags.ts'
import { explainMistake } from './options/mistake.ts'
import type { Texts } from './options/precedence.ts'

/** A command, its arguments by name, and the texts of its flags. */
export interface Invocation {
  command: Command
  args: Record<string, string | readonly string[] | undefined>
  texts: Texts
}

/** A commander option for a flag. Booleans also have a value, because normaliseArgs always adds one. */
function optionOf(name: FlagName): Option {
  const flag: Flag = flags[name]
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  const option = new Option(`${short}--${flag.name} <${flag.placeholder ?? 'bool'}>`)
  if (flag.kind === 'list') {
    return option.argParser((text: string, before: unknown) => [
      ...(Array.isArray(before) ? before.map(String) : []),
      text,
    ])
  }
  return flag.kind === 'count'
    ? option.argParser((text: string, before: string | undefined) =>
        text === '+1' ? String(Number(before ?? 0) + 1) : text,
      )
    : option
}

/** The texts of flags that commander parsed, by flag name in code. */
function textsOf(program: Program, names: readonly FlagName[]): Texts {
  const texts: Texts = {}
  for (const name of names) {
    const text: unknown = program.getOptionValue(optionOf(name).attributeName())
    if (typeof text === 'string') texts[name] = text
    else if (Array.isArray(text)) texts[name] = text.map(String)
  }
  return texts
}

/** Converts the value that commander parsed for an argument. */
function readArgument(value: unknown): string | readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? value : undefined
}

const silent = () => {}

/** Builds the commander program. Only the called command gets its flags: those of the others would delay the start. */
function buildProgram(
  commands: readonly Command[],
  called: Command | undefined,
  onFound: (invocation: Invocation) => void,
): Program {
  const program = new Program('metalkit')
    .exitOverride()
    .configureOutput({ writeOut: silent, writeErr: silent, outputError: silent })
    .helpOption(false)
    .helpCommand(false)
  for (const name of globalFlagNames) program.addOption(optionOf(name))
  // Handled before; declared here so that suggestions for typos include them.
  program.option('--help').option('--version')
  for (const command of commands) {
    const words = command.words.split(' ')
    const parent = words
      .slice(0, -1)
      .reduce((group, word) => group.commands.find((sub) => sub.name() === word) ?? group.command(word), program)
    const sub = parent.command(words.at(-1) ?? '')
    if (command !== called) continue
    for (const { name, optional, variadic, fallback } of command.arguments) {
      const shown = variadic ? `${name}...` : name
      sub.argument(optional ? `[${shown}]` : `<${shown}>`, '', fallback)
    }
    for (const name of command.flags) sub.addOption(optionOf(name))
    sub.action(() => {
      const texts = { ...textsOf(program, globalFlagNames), ...textsOf(sub, command.flags) }
      const args = Object.fromEntries(
        command.arguments.map(({ name }, at) => [name, readArgument(sub.processedArgs[at])]),
      )
      onFound({ command, args, texts })
    })
  }
  return program
}

/** Moves the words of the command to the front: flags may precede and separate them. */
function wordsFirst(args: readonly string[], called: Command | undefined): string[] {
  const commandWords = called?.words.split(' ') ?? []
  const rest = [...args]
  for (const word of commandWords) rest.splice(rest.indexOf(word), 1)
  return [...commandWords, ...rest]
}

/**
 * Reads a command line.
 * @param args the result of normaliseArgs, without the program's name
 * @returns undefined if the words are only the beginning of command names
 * @throws UsageError for words and flags that no command accepts
 */
export function parse(commands: readonly Command[], args: readonly string[]): Invocation | undefined {
  const dashes = args.indexOf('--')
  const words = (dashes === -1 ? args : args.slice(0, dashes)).filter((arg) => !arg.startsWith('-'))
  const called = findCommand(commands, words)
  let invocation: Invocation | undefined
  try {
    buildProgram(commands, called, (parsed) => (invocation = parsed)).parse(wordsFirst(args, called), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code !== 'commander.help') throw explainMistake(error, { commands, called, words })
  }
  return invocation
}
