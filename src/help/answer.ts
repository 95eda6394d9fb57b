// Command lines that ask for a text: --help and --version.
import { normaliseArgs } from '../options/arguments.ts'
import { type Command, findCommand } from '../options/command.ts'
import { helpPage } from './page.ts'

/** The arguments before `--`, where commands and flags are looked for; all of them without a `--`. */
function beforeDashes(args: readonly string[]): readonly string[] {
  return args.includes('--') ? args.slice(0, args.indexOf('--')) : args
}

/** The words of a command line before `--`: commands and arguments, without flags. */
export function wordsOf(args: readonly string[]): string[] {
  return beforeDashes(args).filter((arg) => !arg.startsWith('-'))
}

/**
 * Splits the result of normaliseArgs into our part and the words after `--`, if the command takes those. commander does not report
 * the position of `--`, so it would take `lab -- env` for `lab env`.
 */
export function splitPassthrough(
  commands: readonly Command[],
  args: readonly string[],
): [own: readonly string[], passthrough: readonly string[]] {
  const own = beforeDashes(args)
  const takes = findCommand(commands, wordsOf(args))?.passthrough !== undefined
  return takes ? [own, args.slice(own.length + 1)] : [args, []]
}

/** The sources of the answers. */
interface Sources {
  commands: readonly Command[]
  version: string
  /** The width of the window, in characters; looked up only for a page. */
  columnsOf: () => number
}

/** The text that a command line asks for; undefined if it asks for something else. */
export function findAnswer(argv: readonly string[], { commands, version, columnsOf }: Sources): string | undefined {
  const [own] = splitPassthrough(commands, normaliseArgs(argv))
  const typed = beforeDashes(own)
  if (own.length === 0 || typed.includes('-h') || typed.includes('--help')) {
    return helpPage(commands, wordsOf(own), columnsOf())
  }
  return typed.includes('--version') ? `${version}\n` : undefined
}
