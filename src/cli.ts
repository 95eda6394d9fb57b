// The program: commander splits the command line and writes the help, the flag table gives the values, and the one
// catch turns whatever was thrown into lines for people and an exit code.
import { Command as Program, CommanderError, Option } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import { type Command, commands } from './commands/index.ts'
import {
  describeError,
  errorFields,
  exitCodeOf,
  exitCodes,
  flattenErrors,
  MetalkitError,
  UsageError,
} from './errors.ts'
import { groupOf, inGroups, layout, notesOf, widthOf } from './help/layout.ts'
import { type Context, createReporter, type Io, type Reporter } from './io.ts'
import { normaliseArgs } from './options/arguments.ts'
import type { Flag } from './options/flag.ts'
import { type FlagName, flags } from './options/flags.ts'
import { resolveOptions, type Texts } from './options/precedence.ts'

const rules =
  'A flag counts before its environment variable, that before metal.yaml, that before the default.\n' +
  'Flags are written with one dash or two, values with a space or an equals sign: -serve :8080, --serve=:8080.'

const rootExamples = ['metalkit lab -- metalkit ls', 'metalkit run equinixmetal --help']

/** The last part of a page of help; command lines are not broken, so that they can be copied. */
function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}

/** A commander option for a flag. Booleans take a value too: normaliseArgs always gives one. */
function optionOf(name: FlagName): Option {
  const flag: Flag = flags[name]
  const option = new Option(
    `${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name} <${flag.placeholder ?? 'bool'}>`,
    `${flag.help} (${notesOf(name)})`,
  )
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

/** Builds the commander program; `start` is called with the command that was asked for. */
function buildProgram(
  io: Io,
  asked: string,
  start: (command: Command, args: (string | undefined)[], texts: Texts, global: Texts) => Promise<void>,
): Program {
  const globalNames = ['quiet', 'verbose'] as const
  const program = new Program('metalkit')
    .description(
      'Boot your own operating system on rented bare metal, over iPXE, with the serial console in your terminal.',
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => widthOf(io.stdout.columns, io.env),
      getErrHelpWidth: () => widthOf(io.stderr.columns, io.env),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp(layout)
    .version(manifest.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', ({ command, error }) => {
      const columns = (error ? io.stderr : io.stdout).columns
      return `\n${command.createHelp().boxWrap(rules, widthOf(columns, io.env))}\n${examples(rootExamples)}`
    })
  for (const name of globalNames) program.addOption(optionOf(name))
  for (const command of commands) {
    let parent = program
    const words = command.words.split(' ')
    for (const word of words.slice(0, -1)) {
      parent =
        parent.commands.find((sub) => sub.name() === word) ??
        parent.command(word).description(command.summary).helpCommand(false)
    }
    const sub = parent
      .command(words.at(-1) ?? '')
      .summary(command.summary)
      .description(command.description)
    for (const argument of command.arguments) {
      const name = argument.variadic ? `${argument.name}...` : argument.name
      sub.argument(argument.optional ? `[${name}]` : `<${name}>`, argument.help, argument.fallback)
    }
    if (command.passthrough)
      sub.usage(`[options] ${command.arguments.map(({ name }) => `[${name}] `).join('')}[-- ${command.passthrough}]`)
    // The flags of a command that is not asked for are of no use to this start, and would cost it time.
    if (!asked.startsWith(command.words)) continue
    for (const name of inGroups(command.flags)) sub.addOption(optionOf(name).helpGroup(groupOf(name)))
    sub.addHelpText('after', examples(command.examples))
    sub.action(() =>
      start(command, sub.processedArgs.flat(), textsOf(sub, command.flags), textsOf(program, globalNames)),
    )
  }
  return program
}

/**
 * The command line in two: ours, and what stands after `--` where the command runs another one. commander would not say
 * where the `--` was, so that `lab -- env` were `lab env`.
 */
function splitPassthrough(args: readonly string[]): [own: readonly string[], passthrough: readonly string[]] {
  const at = args.indexOf('--')
  const word = args.find((arg) => !arg.startsWith('-'))
  const takes = commands.some((command) => command.passthrough !== undefined && command.words === word)
  return at !== -1 && takes ? [args.slice(0, at), args.slice(at + 1)] : [args, []]
}

/** The world with a reporter. What is costly to make (stdin) is made when a command asks for it. */
function contextOf(io: Io, report: Reporter): Context {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that an Io has, and the reporter
  return Object.defineProperties({ report }, Object.getOwnPropertyDescriptors(io)) as Context
}

/** commander's message as one of ours: `error: unknown option '--metor'\n(Did you mean --metro?)`. */
function usageError(error: CommanderError): UsageError {
  const [what = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /Did you mean (?:one of )?(.*)\?\)/.exec(more.join(' '))?.[1]
  return new UsageError(what.replaceAll("'", '"'), {
    hint: suggestion === undefined ? 'see metalkit --help' : `did you mean ${suggestion}?`,
  })
}

/**
 * Runs the program.
 * @param argv the arguments after the program's name
 * @returns the exit code; never throws for what a user can do wrong
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const plain = io.env['TERM'] === 'dumb' || (io.env['CI'] ?? '') !== ''
  let report = createReporter({ stderr: io.stderr, verbosity: 0, plain })
  let code: number = exitCodes.success
  try {
    const [own, passthrough] = splitPassthrough(normaliseArgs(argv))
    const asked = own.filter((arg) => !arg.startsWith('-')).join(' ')
    const program = buildProgram(io, asked, async (command, args, texts, global) => {
      const { quiet, verbose } = await resolveOptions(['quiet', 'verbose'], global, io.env)
      const verbosity = quiet ? -1 : verbose
      report = createReporter({ stderr: io.stderr, verbosity, plain })
      const options = await resolveOptions(command.flags, texts, io.env)
      if (options.json) report = createReporter({ stderr: io.stderr, verbosity, plain, events: io.stdout })
      const body = await command.load()
      code = (await body.execute([...args, ...passthrough], options, contextOf(io, report))) ?? exitCodes.success
    })
    await program.parseAsync(argv.length === 0 ? ['--help'] : own, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.success
      if (error.code === 'commander.help') return exitCodes.usage
      report.error(describeError(usageError(error)))
      return exitCodes.usage
    }
    for (const one of flattenErrors(error)) {
      report.error(describeError(one))
      report.event('error', errorFields(one))
      if (!(one instanceof MetalkitError) && one instanceof Error && report.verbosity > 0) report.error(one.stack ?? '')
    }
    return exitCodeOf(error)
  }
}
