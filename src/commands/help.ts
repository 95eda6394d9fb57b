// metalkit help: the page of a command, for people who write it as a word.
import { helpPage, widthOf } from '../help/page.ts'
import type { Context } from '../io.ts'
import { findCommand, findSubcommands } from '../options/command.ts'
import { explainMistake } from '../options/mistake.ts'
import { commands } from './index.ts'

/** Prints the page of a command, or of all commands. @throws UsageError for words that name no command */
export async function execute(
  { command: words }: { command: readonly string[] },
  _options: object,
  { stdout, stderr, env }: Context,
): Promise<void> {
  const called = findCommand(commands, words)
  const isGroup = words.length <= 1 && findSubcommands(commands, { words: words.join('') }).length > 0
  if (words.length > 0 && !isGroup && words.join(' ') !== called?.words) {
    const code = called === undefined ? 'commander.unknownCommand' : 'commander.excessArguments'
    throw explainMistake({ code, message: '' }, { commands, called: called && { ...called, arguments: [] }, words })
  }
  stdout.write(helpPage(commands, words, widthOf(stdout.columns ?? stderr.columns, env)))
}
