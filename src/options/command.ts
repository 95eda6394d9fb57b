// What a command is: pure data for help, completion and the parser, and the module its body is in.
import type { Context } from '../io.ts'
import type { FlagName, Options } from './flags.ts'

/** A positional argument; the value is undefined where it is optional, has no default and is not given. */
export interface Argument {
  name: string
  help: string
  optional?: boolean
  /** Any number of them. */
  variadic?: boolean
  fallback?: string
  /** The words that are taken, where there are few. */
  choices?: readonly string[]
}

/** A command: the words that call it, its flags, and where its body is. */
export interface Command<N extends FlagName = FlagName> {
  words: string
  summary: string
  description: string
  arguments: readonly Argument[]
  /** What it takes after `--`, as help names it. */
  passthrough?: string
  flags: readonly N[]
  examples: readonly string[]
  load: () => Promise<Body<N>>
}

/** The module of a command's body. A number that execute returns is the exit code. */
export interface Body<N extends FlagName = FlagName> {
  execute(args: readonly (string | undefined)[], options: Options<N>, context: Context): Promise<number | void>
}

/** The command that the words of a command line call; behind its own words may stand others. */
export function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const line = `${words.join(' ')} `
  return commands.find((one) => line.startsWith(`${one.words} `))
}

/** Declares a command; its body must take exactly the options its flags give. */
export function command<const N extends FlagName>(declaration: Command<N>): Command<N> {
  return declaration
}
