// The program: answers --help and --version, splits a command line with commander, resolves options, runs the command, and turns
// any error into lines for people and an exit code.
import manifest from '../package.json' with { type: 'json' }
import { commands } from './commands/index.ts'
import { describeError, errorFields, exitCodeOf, exitCodes, flattenErrors, MetalkitError } from './errors.ts'
import { findAnswer, splitPassthrough, wordsOf } from './help/answer.ts'
import { helpPage, widthOf } from './help/page.ts'
import { type Context, createReporter, type Io, type Output, type Reporter, type Verbosity } from './io.ts'
import { checkValues, normaliseArgs } from './options/arguments.ts'
import { type FlagName, globalFlagNames } from './options/flags.ts'
import { resolveOptions } from './options/precedence.ts'

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
    get isToStay() {
      return io.isToStay
    },
    env: io.env,
    forced: io.forced,
    end: io.end,
    suspend: io.suspend,
    clock: io.clock,
  }
}

/**
 * Runs the program.
 * @param argv the arguments after the program's name
 * @returns the exit code; never throws for a user's mistakes
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const plain = io.env['TERM'] === 'dumb' || (io.env['CI'] ?? '') !== ''
  let report: Reporter | undefined
  // Created on first use: help does not need a reporter and would be slower.
  const reporterOf = (verbosity: Verbosity, events?: Output) =>
    createReporter({ stderr: io.stderr, verbosity, plain, outputsMeet: io.outputsMeet, events })
  try {
    // With a pager on stdout, stderr is still the terminal.
    const columnsOf = (out: Output) => widthOf(out.columns ?? io.stderr.columns, io.env)
    const answer = findAnswer(argv, { commands, version: manifest.version, columnsOf: () => columnsOf(io.stdout) })
    if (answer !== undefined) {
      io.stdout.write(answer)
      return exitCodes.success
    }
    checkValues(argv)
    const [own, passthrough] = splitPassthrough(commands, normaliseArgs(argv))
    const { parse } = await import('./parse.ts')
    const invocation = parse(commands, own)
    if (invocation === undefined) {
      io.stderr.write(helpPage(commands, wordsOf(own), columnsOf(io.stderr)))
      return exitCodes.usage
    }
    const { command, args, texts } = invocation
    const { quiet, verbose } = await resolveOptions(globalFlagNames, texts, io.env)
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
