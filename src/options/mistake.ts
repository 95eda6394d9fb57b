// Explains mistakes in a command line, and says how to write it.
import { UsageError } from '../errors.ts'
import { findSlip } from '../text/nearest.ts'
import { quoteWord } from '../text/shell-word.ts'
import { type Command, findSubcommands, findTakers } from './command.ts'
import type { Flag } from './flags/flag.ts'
import { flags } from './flags.ts'

/** An invalid command line. */
export interface CommandLine {
  commands: readonly Command[]
  /** The command it calls. */
  called: Command | undefined
  /** Its words without flags. */
  words: readonly string[]
}

/** Words from other programs, with the corresponding metalkit command. */
export const habits: Readonly<Record<string, string>> = {
  ps: 'ls',
  list: 'ls',
  get: 'ls',
  delete: 'rm',
  remove: 'rm',
  destroy: 'rm',
  kill: 'rm',
  attach: 'console',
  ssh: 'console',
  exec: 'console',
  boot: 'run equinixmetal',
  create: 'run equinixmetal',
  deploy: 'run equinixmetal',
  start: 'lab',
  up: 'lab',
  down: 'lab stop',
  stop: 'lab stop',
  status: 'lab status',
  logs: 'lab logs',
  env: 'lab env',
  forward: 'lab forward',
  page: 'lab page',
  check: 'doctor',
  upload: 'push equinixmetal',
  publish: 'push equinixmetal',
  'lab start': 'lab',
  'lab up': 'lab',
  'lab run': 'lab',
  'lab down': 'lab stop',
  'lab kill': 'lab stop',
  'lab ls': 'lab status',
  'lab ps': 'lab status',
  'lab list': 'lab status',
}

function seePage(called: Command | undefined): string {
  return `see metalkit ${called === undefined ? '' : `${called.words} `}--help`
}

/** Words that do not name a command. */
function explainWords({ commands, words }: CommandLine): UsageError {
  const [first = '', ...rest] = words
  const group = findSubcommands(commands, { words: first })
  const [only] = group
  if (only !== undefined) {
    const subwords = group.map((command) => command.words.split(' ')[1] ?? '')
    const [second = ''] = rest
    const slip = findSlip(second, subwords)
    // A missing word is more likely than a mistyped one: `run linuxkit`.
    const isLeftOut = slip === undefined && rest.length <= only.arguments.length
    const right = slip ?? subwords[0] ?? ''
    const others = rest.includes(right) ? rest.filter((word) => word !== right) : isLeftOut ? rest : rest.slice(1)
    const line = ['metalkit', first, right, ...others.map(quoteWord)].join(' ')
    return new UsageError(`unknown command "${first} ${second}"`, { hint: `did you mean ${line}?` })
  }
  const known = [...new Set(commands.map((command) => command.words.split(' ')[0] ?? ''))]
  const slip = habits[first] ?? findSlip(first, known)
  const hint = slip === undefined ? 'see metalkit --help' : `did you mean metalkit ${slip}?`
  return new UsageError(`unknown command ${JSON.stringify(first)}`, { hint })
}

/** Excess words. */
function explainExcess(called: Command, { commands, words }: CommandLine): UsageError {
  const takes = called.arguments.length
  const stray = words[called.words.split(' ').length + takes] ?? ''
  const shown = JSON.stringify(stray)
  const group = findSubcommands(commands, called)
  const near = findSlip(
    stray,
    group.map((command) => command.words.slice(called.words.length + 1)),
  )
  const slip = habits[`${called.words} ${stray}`] ?? (near === undefined ? undefined : `${called.words} ${near}`)
  if (stray === 'help') return new UsageError(`${called.words} does not know "help"`, { hint: seePage(called) })
  if (slip !== undefined) {
    return new UsageError(`${called.words} does not know ${shown}`, {
      hint: `did you mean metalkit ${slip}?`,
    })
  }
  if (called.passthrough !== undefined && takes === 0) {
    const behind = `words after -- are a command to run: metalkit ${called.words} -- ${quoteWord(stray)}`
    return new UsageError(`${called.words} does not know ${shown}`, { hint: `${seePage(called)}; ${behind}` })
  }
  // People who know docker write `lab stop NAME`.
  if (called.words.startsWith('lab ') && takes === 0) {
    return new UsageError(`${called.words} takes no arguments`, {
      hint: `if ${shown} is the lab's name, write metalkit ${called.words} --name ${quoteWord(stray)}`,
    })
  }
  const count = takes === 0 ? 'no arguments' : takes === 1 ? '1 argument' : `${takes} arguments`
  return new UsageError(`${called.words} takes ${count}, and ${shown} is one too many`, { hint: seePage(called) })
}

/** A flag that the command does not have. @param slip a similar flag of the command */
function explainFlag(flag: string, slip: string | undefined, { commands, called }: CommandLine): UsageError {
  const name = flag.replace(/^-+/, '').replace(/=.*/s, '')
  const takersOf = (flagName: string) =>
    findTakers(commands, (command) => command.flags.some((other) => flags[other].name === flagName))
  const denied = name.replace(/^no-/, '')
  const opposite = called?.flags
    .map((other): Flag => flags[other])
    .find((other) => denied !== name && other.name === denied)
  const unknown = `unknown option "${flag}"`
  const instead = called?.instead?.[name]
  if (called !== undefined && instead !== undefined) {
    const cloud = called.words.split(' ').at(-1)
    return new UsageError(`--${name} is not for ${cloud}: ${instead}`, { hint: seePage(called) })
  }
  if (opposite !== undefined) {
    const hint = opposite.kind === 'boolean' ? `write --${denied}=false` : `--${denied} takes a value; omit it instead`
    return new UsageError(unknown, { hint })
  }
  const takers = takersOf(name)
  if (called !== undefined && takers.length > 0) {
    const others = takers.map(({ words }) => `metalkit ${words}`).join(', ')
    // `lab --machine` means --machines, not the plan of run.
    const longer = called.flags.map((other) => flags[other].name).find((other) => other.startsWith(name))
    const meant = longer === undefined ? '' : `did you mean --${longer}? `
    return new UsageError(`${called.words} does not take --${name}`, {
      hint: `${meant}${others} ${takers.length === 1 ? 'does' : 'do'}; ${seePage(called)}`,
    })
  }
  if (called === undefined && takers.length > 0) {
    const calls = takers.map(({ words }) => `metalkit ${words}`).join(', ')
    return new UsageError(`--${name} needs a command`, { hint: `it is a flag of ${calls}` })
  }
  if (flag === '-V') return new UsageError(unknown, { hint: 'did you mean --version?' })
  return new UsageError(unknown, { hint: slip === undefined ? seePage(called) : `did you mean ${slip}?` })
}

/** Converts commander's error, such as `error: unknown option '--metor'\n(Did you mean --metro?)`, to a UsageError. */
export function explainMistake({ code, message }: { code: string; message: string }, line: CommandLine): UsageError {
  const { called, words } = line
  if (called === undefined && words.length > 0) return explainWords(line)
  const [what = '', ...more] = message.replace(/^error: /, '').split('\n')
  if (code === 'commander.excessArguments' && called !== undefined) return explainExcess(called, line)
  if (code === 'commander.unknownOption') {
    const slip = /Did you mean (?:one of )?(.*)\?\)/.exec(more.join(' '))?.[1]
    return explainFlag(/'(.*)'/s.exec(what)?.[1] ?? '', slip, line)
  }
  return new UsageError(what.replaceAll("'", '"'), { hint: seePage(called) })
}
