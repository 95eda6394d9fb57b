// The notation of commands and flags, shared by --help and the manual page.
import type { Command } from '../options/command.ts'
import type { Flag } from '../options/flags/flag.ts'
import { type FlagName, flags, groups } from '../options/flags.ts'

/** A flag's notation: `-q, --quiet`, `--serve <address>`. */
export function termOf(name: FlagName): string {
  const flag: Flag = flags[name]
  const placeholder = flag.kind === 'value' || flag.kind === 'list' ? ` <${flag.placeholder ?? 'value'}>` : ''
  return `${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}${placeholder}`
}

/** The notes after a flag's description: variables, key in metal.yaml, default. */
export function notesOf(name: FlagName): string {
  const flag: Flag = flags[name]
  const fallback = flag.computed ?? flag.fallback
  return [
    flag.env.length > 0 ? `env ${flag.env.join(', ')}` : '',
    flag.config === undefined ? '' : `metal.yaml ${flag.config}`,
    fallback ? `default ${fallback}` : '',
  ]
    .filter((note) => note !== '')
    .join('; ')
}

/** A command's call without flags: `verify <place> <name>`, `lab forward <id> <port> [host-port]`. */
export function callOf(command: Command): string {
  const words = command.arguments.map(({ name, optional, variadic }) => {
    const shown = variadic ? `${name}...` : name
    return optional ? `[${shown}]` : `<${shown}>`
  })
  return [command.words, ...words].join(' ')
}

/** A command's synopsis: `metalkit lab [options] [-- COMMAND...]`. */
export function synopsisOf(command: Command): string {
  const behind = command.passthrough === undefined ? '' : ` [-- ${command.passthrough}]`
  return `metalkit ${callOf(command).replace(command.words, '$& [options]')}${behind}`
}

/** These flags under the headings of the help, in its order; empty headings are omitted. */
export function inGroups(names: readonly FlagName[]): { heading: string; names: FlagName[] }[] {
  return groups
    .map(({ heading, names: members }) => ({ heading, names: members.filter((name) => names.includes(name)) }))
    .filter((group) => group.names.length > 0)
}
