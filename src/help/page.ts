// A page of --help, built from the same tables of commands and flags as the manual page.
import { type Command, findCommand, findSubcommands } from '../options/command.ts'
import { type FlagName, flags, globalFlagNames } from '../options/flags.ts'
import { callOf, inGroups, notesOf, synopsisOf, termOf } from './layout.ts'

/** A heading, and below it terms with their descriptions. */
interface Section {
  heading: string
  items: readonly (readonly [term: string, text: string])[]
}

const narrowColumns = 72
const widestColumns = 100

/** The width of help in a window of that many columns. */
export function widthOf(columns: number | undefined, env: Record<string, string | undefined>): number {
  return Math.min(columns ?? (Number(env['COLUMNS']) || widestColumns), widestColumns)
}

/** Breaks a text into lines at white space; a word longer than a line gets its own line. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** Text beside its term, or below it in a narrow window. */
function formatItem(term: string, text: string, termWidth: number, columns: number): string {
  const isNarrow = columns < narrowColumns
  const indent = isNarrow ? 6 : termWidth + 4
  const lines = wrap(text, Math.max(columns - indent, 20))
  const start = isNarrow ? `  ${term.trimStart()}\n${' '.repeat(indent)}` : `  ${term.padEnd(termWidth)}  `
  return start + lines.join(`\n${' '.repeat(indent)}`)
}

function formatSections(sections: readonly Section[], columns: number): string[] {
  const shown = sections.filter(({ items }) => items.length > 0)
  const termWidth = Math.max(...shown.flatMap(({ items }) => items.map(([term]) => term.length)))
  return shown.map(({ heading, items }) =>
    [`${heading}:`, ...items.map(([term, text]) => formatItem(term, text, termWidth, columns))].join('\n'),
  )
}

/** Long names are aligned, with or without a short one. */
function flagItem(name: FlagName): readonly [string, string] {
  return [termOf(name).replace(/^--/, '    --'), `${flags[name].help} (${notesOf(name)})`]
}

const helpItem = ['-h, --help', 'print this help'] as const
const versionItem = ['    --version', 'print the version'] as const

/** Command lines are not wrapped, so that they can be copied. */
function formatExamples(lines: readonly string[]): string {
  return ['Examples:', ...lines.map((line) => `  $ ${line}`)].join('\n')
}

function commandItem(command: Command): readonly [string, string] {
  return [callOf(command), command.summary]
}

function commandPage(command: Command, subcommands: readonly Command[], columns: number): string[] {
  const sections = [
    { heading: 'Commands', items: subcommands.map(commandItem) },
    {
      heading: 'Arguments',
      items: command.arguments.map(
        ({ name, help, fallback }) => [name, fallback === undefined ? help : `${help} (default ${fallback})`] as const,
      ),
    },
    ...inGroups(command.flags).map(({ heading, names }) => ({ heading, items: names.map(flagItem) })),
    { heading: 'Global options', items: [...globalFlagNames.map(flagItem), helpItem] },
  ]
  return [
    `Usage: ${synopsisOf(command)}`,
    wrap(command.description, columns).join('\n'),
    ...formatSections(sections, columns),
    formatExamples(command.examples),
  ]
}

/** The page of the commands that begin with a word; '' lists all commands. */
function groupPage(start: string, commands: readonly Command[], columns: number): string[] {
  const about =
    start === ''
      ? ['Boot your own operating system on rented bare metal, over iPXE, with the serial console in your terminal.']
      : []
  const sections = [
    { heading: 'Commands', items: commands.map(commandItem) },
    {
      heading: 'Global options',
      items: [...globalFlagNames.map(flagItem), helpItem, ...(start === '' ? [versionItem] : [])],
    },
  ]
  const rules = [
    'A flag overrides its environment variable, which overrides metal.yaml, which overrides the default.',
    'Write flags with one dash or two, and values after a space or an equals sign: -serve :8080, --serve=:8080.',
  ]
  return [
    `Usage: metalkit ${start === '' ? '' : `${start} `}<command> [options]`,
    ...about.map((text) => wrap(text, columns).join('\n')),
    ...formatSections(sections, columns),
    rules.flatMap((rule) => wrap(rule, columns)).join('\n'),
    formatExamples([
      'metalkit lab -- metalkit ls',
      ...commands.slice(0, 2).map(({ words }) => `metalkit ${words} --help`),
    ]),
  ]
}

/**
 * The page for the words of a command line: that of their command, or of all commands that begin with them.
 * @param columns the width of the window, in characters
 */
export function helpPage(commands: readonly Command[], words: readonly string[], columns: number): string {
  const command = findCommand(commands, words)
  const [start = ''] = words
  const group = findSubcommands(commands, { words: start })
  const parts =
    command !== undefined
      ? commandPage(command, findSubcommands(commands, command), columns)
      : group.length > 0
        ? groupPage(start, group, columns)
        : groupPage('', commands, columns)
  return `${parts.join('\n\n')}\n`
}
