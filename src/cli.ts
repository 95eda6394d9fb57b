// The program: help is laid out from the tables of commands and flags, a command line is split by commander, the flag
// table gives the values, and the one catch turns whatever was thrown into lines for people and an exit code.
import manifest from '../package.json' with { type: 'json' }
import { commands } from './commands/index.ts'
import { describeError, errorFields, exitCodeOf, exitCodes, flattenErrors, MetalkitError } from './errors.ts'
import { findCommand } from './options/command.ts'
import { helpPage, widthOf } from './help/page.ts'
import { type Context, createReporter, type Io, type Output, type Reporter, type Verbosity } from './io.ts'
import { checkValues, normaliseArgs } from './options/arguments.ts'
import { type FlagName, globalFlags } from './options/flags.ts'
import { resolveOptions } from './options/precedence.ts'

/** What stands before `--`, and where commands and flags are looked for; all of it where there is none. */
function beforeDashes(args: readonly string[]): readonly string[] {
  return args.includes('--') ? args.slice(0, args.indexOf('--')) : args
}

function wordsOf(args: readonly string[]): string[] {
  return beforeDashes(args).filter((arg) => !arg.startsWith('-'))
}

/**
 * The command line in two: ours, and what stands after `--` where the command runs another one. commander would not say
 * where the `--` was, so that `lab -- env` were `lab env`.
 */
function splitPassthrough(args: readonly string[]): [own: readonly string[], passthrough: readonly string[]] {
  const own = beforeDashes(args)
  const takes = findCommand(commands, wordsOf(args))?.passthrough !== undefined
  return takes ? [own, args.slice(own.length + 1)] : [args, []]
}

/** The world with a reporter: an Io whose streams are still opened only when a command asks for them. */
function contextOf(io: Io, report: Reporter, sources: Context['sources']): Context {
  return {
    report,
    sources,
    get stdin() {
      return io.stdin
    },
    get stdout() {
      return io.stdout
    },
    get stderr() {
      return io.stderr
    },
    get signal() {
      return io.signal
    },
    get outputsMeet() {
      return io.outputsMeet
    },
    get deafStarter() {
      return io.deafStarter
    },
    env: io.env,
    forced: io.forced,
    suspend: io.suspend,
    clock: io.clock,
  }
}

/**
 * Runs the program.
 * @param argv the arguments after the program's name
 * @returns the exit code; never throws for what a user can do wrong
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const plain = io.env['TERM'] === 'dumb' || (io.env['CI'] ?? '') !== ''
  let report: Reporter | undefined
  // Made when there is something to say: help needs none, and would wait for it.
  const reporterOf = (verbosity: Verbosity, events?: Output) =>
    createReporter({ stderr: io.stderr, verbosity, plain, outputsMeet: io.outputsMeet, events })
  try {
    const [own, passthrough] = splitPassthrough(normaliseArgs(argv))
    const typed = beforeDashes(own)
    // In a pipe to a pager stderr still is the terminal.
    const columnsOf = (out: Output) => widthOf(out.columns ?? io.stderr.columns, io.env)
    const showHelp = (out: Output) => out.write(helpPage(commands, wordsOf(own), columnsOf(out)))
    if (own.length === 0 || typed.includes('-h') || typed.includes('--help')) {
      showHelp(io.stdout)
      return exitCodes.success
    }
    if (typed.includes('--version')) {
      io.stdout.write(`${manifest.version}\n`)
      return exitCodes.success
    }
    checkValues(argv)
    const { parse } = await import('./parse.ts')
    const asked = parse(commands, own)
    if (asked === undefined) {
      showHelp(io.stderr)
      return exitCodes.usage
    }
    const { command, args, texts } = asked
    const { quiet, verbose } = await resolveOptions(globalFlags, texts, io.env)
    const verbosity = quiet ? -1 : verbose
    report = reporterOf(verbosity)
    const sources = new Map<FlagName, string>()
    const options = await resolveOptions(command.flags, texts, io.env, sources)
    if (options.json) report = reporterOf(verbosity, io.stdout)
    const body = await command.load()
    return (
      (await body.execute(Object.assign(args, { passthrough }), options, contextOf(io, report, sources))) ??
      exitCodes.success
    )
  } catch (error) {
    report ??= reporterOf(0)
    for (const cause of flattenErrors(error)) {
      report.error(describeError(cause))
      report.event('error', errorFields(cause))
      if (!(cause instanceof MetalkitError) && cause instanceof Error && report.verbosity > 0)
        report.error(cause.stack ?? '')
    }
    return exitCodeOf(error)
  }
}
