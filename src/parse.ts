// What a command line asks for, by commander. Loaded for command lines that are to be carried out; help does without.
import { Command as Program, CommanderError, Option } from 'commander'
import { type Command, findCommand } from './options/command.ts'
import { UsageError } from './errors.ts'
import type { Flag } from './options/flags/flag.ts'
import { type FlagName, flags, globalFlags } from './options/flags.ts'
import type { Texts } from './options/precedence.ts'

/** A command, its arguments in their order, and the texts of its flags. */
export interface Asked {
  command: Command
  args: (string | undefined)[]
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
      found({ command, args: sub.processedArgs.flat(), texts })
    })
  }
  return program
}

/** commander's message as one of ours: `error: unknown option '--metor'\n(Did you mean --metro?)`. */
function usageError(error: CommanderError, called: Command | undefined): UsageError {
  const [what = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /Did you mean (?:one of )?(.*)\?\)/.exec(more.join(' '))?.[1]
  const page = called === undefined ? 'metalkit --help' : `metalkit ${called.words} --help`
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
  const called = findCommand(
    commands,
    args.filter((arg) => !arg.startsWith('-')),
  )
  let asked: Asked | undefined
  try {
    buildProgram(commands, called, (found) => (asked = found)).parse(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code !== 'commander.help') throw usageError(error, called)
  }
  return asked
}
