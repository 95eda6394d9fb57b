// Declarations of commands: pure data for help, completion and the parser, and the module of the body.
import type { Context } from '../io.ts'
import type { FlagName, Options } from './flags.ts'
import type { Completes } from './flags/flag.ts'

/** A positional argument. */
export interface Argument {
  name: string
  help: string
  optional?: boolean
  /** Accepts any number of values. */
  variadic?: boolean
  fallback?: string
  /** The accepted words, if there are few. */
  choices?: readonly string[]
  /** What a shell completes it with. */
  completes?: Completes
}

/** The value that a body receives for an argument; undefined if the argument is optional, has no default and is absent. */
type ArgumentValue<A extends Argument> = Argument extends A
  ? string | readonly string[] | undefined
  : A extends { variadic: true }
    ? readonly string[]
    : A extends { optional: true }
      ? A extends { fallback: string }
        ? string
        : string | undefined
      : string

/** The arguments of a command by name, and the words after `--`. */
export type Arguments<A extends readonly Argument[]> = { [One in A[number] as One['name']]: ArgumentValue<One> } & {
  passthrough: readonly string[]
}

/** A command: the words that call it, its arguments and flags, and where its body is. */
export interface Command<N extends FlagName = FlagName, A extends readonly Argument[] = readonly Argument[]> {
  words: string
  /** The words of the command that it is a variant of, and that stands for both in messages. */
  variantOf?: string
  summary: string
  description: string
  arguments: A
  /** The name in help of the words after `--`, if it takes any. */
  passthrough?: string
  flags: readonly N[]
  /** Names of flags that similar commands have, and what it has instead. */
  instead?: Readonly<Record<string, string>>
  examples: readonly string[]
  load: () => Promise<Body<N, A>>
}

/** The module of a command's body. A number that execute returns is the exit code. */
export interface Body<N extends FlagName = FlagName, A extends readonly Argument[] = readonly Argument[]> {
  execute(args: Arguments<A>, options: Options<N>, context: Context): Promise<number | void>
}

/** The command that the words of a command line call, `lab stop` rather than `lab`; its arguments may follow its words. */
export function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const line = `${words.join(' ')} `
  return commands
    .filter((candidate) => line.startsWith(`${candidate.words} `))
    .toSorted((first, second) => second.words.length - first.words.length)[0]
}

/** The commands that have a flag; a variant is left out beside the command that stands for it. */
export function findTakers(commands: readonly Command[], hasFlag: (command: Command) => boolean): Command[] {
  const takers = commands.filter(hasFlag)
  const words = new Set(takers.map((taker) => taker.words))
  return takers.filter(({ variantOf }) => variantOf === undefined || !words.has(variantOf))
}

/** The commands whose words continue those of a command: `lab env`, `lab stop` … for `lab`. */
export function findSubcommands(commands: readonly Command[], { words }: Pick<Command, 'words'>): Command[] {
  return commands.filter((candidate) => candidate.words.startsWith(`${words} `))
}

/** Declares a command; its body must take exactly the arguments and the options that the declaration gives. */
export function command<const N extends FlagName, const A extends readonly Argument[]>(
  declaration: Command<N, A>,
): Command<N, A> {
  return declaration
}
