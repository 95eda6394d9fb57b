// What a command line asks for, by commander. Loaded for command lines that are to be carried out; help does without.
import { Command as Program, CommanderError, Option } from 'commander'
import { type Command, findCommand } from './options/command.ts'
import { UsageError } from './errors.ts'
import { quoteWord } from './text/shell-word.ts'
import type { Flag } from './options/flags/flag.ts'
import { type FlagName, flags, globalFlags } from './options/flags.ts'
import type { Texts } from './options/precedence.ts'

/** A command, its arguments by name, and the texts of its flags. */
export interface Asked {
  command: Command
  args: Record<string, string | readonly string[] | undefined>
  texts: Texts
}

/** A commander option for a flag. Booleans take a value too: normaliseArgs always gives one. */
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

/** The texts commander found, by flag name in code. */
function textsOf(program: Program, names: readonly FlagName[]): Texts {
  const texts: Texts = {}
  for (const name of names) {
    const text: unknown = program.getOptionValue(optionOf(name).attributeName())
    if (typeof text === 'string') texts[name] = text
    else if (Array.isArray(text)) texts[name] = text.map(String)
  }
  return texts
}

/** What commander found for an argument. */
function readArgument(found: unknown): string | readonly string[] | undefined {
  return Array.isArray(found) ? found.map(String) : typeof found === 'string' ? found : undefined
}

const silent = () => {}

/** Builds the commander program, of which only the command that is called has flags: the others' would cost this start time. */
function buildProgram(
  commands: readonly Command[],
  called: Command | undefined,
  found: (asked: Asked) => void,
): Program {
  const program = new Program('metalkit')
    .exitOverride()
    .configureOutput({ writeOut: silent, writeErr: silent, outputError: silent })
    .helpOption(false)
    .helpCommand(false)
  for (const name of globalFlags) program.addOption(optionOf(name))
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
      const texts = { ...textsOf(program, globalFlags), ...textsOf(sub, command.flags) }
      const args = Object.fromEntries(
        command.arguments.map(({ name }, at) => [name, readArgument(sub.processedArgs[at])]),
      )
      found({ command, args, texts })
    })
  }
  return program
}

/** commander's message as one of ours: `error: unknown option '--metor'\n(Did you mean --metro?)`. */
function usageError(error: CommanderError, called: Command | undefined, stray: string | undefined): UsageError {
  const [what = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /Did you mean (?:one of )?(.*)\?\)/.exec(more.join(' '))?.[1]
  const page = called === undefined ? 'metalkit --help' : `metalkit ${called.words} --help`
  if (error.code === 'commander.excessArguments' && called !== undefined && stray !== undefined) {
    if (called.passthrough !== undefined && called.arguments.length === 0) {
      return new UsageError(`${called.words} does not know ${JSON.stringify(stray)}`, {
        hint: `see ${page}; words after -- are a command to run: metalkit ${called.words} -- ${quoteWord(stray)}`,
      })
    }
    // People who know docker write `lab stop NAME`.
    if (called.words.startsWith('lab ') && called.arguments.length === 0) {
      return new UsageError(`${called.words} takes no arguments`, {
        hint: `if ${JSON.stringify(stray)} is the lab's name, write metalkit ${called.words} --name ${quoteWord(stray)}`,
      })
    }
  }
  return new UsageError(what.replaceAll("'", '"'), {
    hint: suggestion === undefined ? `see ${page}` : `did you mean ${suggestion}?`,
  })
}

/**
 * Reads a command line.
 * @param args the line without the program's name, as normaliseArgs gives it
 * @returns undefined where the words only begin the names of commands
 * @throws UsageError for what no command takes
 */
export function parse(commands: readonly Command[], args: readonly string[]): Asked | undefined {
  const words = args.filter((arg) => !arg.startsWith('-'))
  const called = findCommand(commands, words)
  let asked: Asked | undefined
  try {
    buildProgram(commands, called, (found) => (asked = found)).parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code !== 'commander.help') {
      const own = called === undefined ? 0 : called.words.split(' ').length + called.arguments.length
      throw usageError(error, called, words[own])
    }
  }
  return asked
}
