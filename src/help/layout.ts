// How help reads: flags in groups, lines that fit the window, and the same words for --help and the manual page.
import type { Help } from 'commander'
import type { Flag } from '../options/flag.ts'
import { type FlagName, flags } from '../options/flags.ts'

/** The groups of flags, in the order of the help; a flag that is in none stands under Options. */
export const groups: Readonly<Record<string, readonly FlagName[]>> = {
  'Image and server': [
    'baseUrl',
    'serve',
    'tunnel',
    'imgName',
    'arch',
    'decompress',
    'destination',
    'endpoint',
    'dryRun',
    'directory',
    'port',
    'tlsCert',
    'tlsKey',
  ],
  Machine: ['metro', 'zone', 'machine', 'hostname', 'alwaysPxe', 'device', 'keep', 'ttl', 'idFile', 'olderThan', 'yes'],
  Console: ['console', 'sos', 'identity', 'knownHosts', 'hostKeyPolicy', 'hostKey', 'log', 'record'],
  'What the console shows': ['waitFor', 'failOn', 'noDefaultFailures', 'on', 'send', 'timeout'],
  'API and output': ['apiKey', 'projectId', 'apiUrl', 'json', 'quiet', 'verbose'],
  Lab: ['detach', 'machines', 'firmware', 'labName', 'pace', 'facilities', 'fault', 'labPort', 'sosPort'],
}

/** The heading a flag stands under. */
export function groupOf(name: FlagName): string {
  const found = Object.entries(groups).find(([, names]) => names.includes(name))
  return `${found?.[0] ?? 'Options'}:`
}

/** Flags in the order of the groups. */
export function inGroups(names: readonly FlagName[]): FlagName[] {
  const order = Object.values(groups).flat()
  const place = (name: FlagName) => (order.includes(name) ? order.indexOf(name) : order.length)
  return names.toSorted((a, b) => place(a) - place(b))
}

/** A flag as it is written: `-q, --quiet`, `--serve <address>`. */
export function termOf(name: FlagName): string {
  const flag: Flag = flags[name]
  const placeholder = flag.kind === 'value' || flag.kind === 'list' ? ` <${flag.placeholder ?? 'value'}>` : ''
  return `${flag.short === undefined ? '' : `-${flag.short}, `}--${flag.name}${placeholder}`
}

/** What help says of a flag behind its text: variables, key in metal.yaml, default. */
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

const narrowColumns = 72
const widestColumns = 100

/** How wide help is written, for a window of so many columns. */
export function widthOf(columns: number | undefined, env: Record<string, string | undefined>): number {
  return Math.min(columns ?? (Number(env['COLUMNS']) || widestColumns), widestColumns)
}

/** commander's layout, except that in a narrow window a text stands below what it is about. */
export const layout: Partial<Help> = {
  showGlobalOptions: true,
  minWidthToWrap: 20,
  optionTerm: (option) => option.flags.replace(' <bool>', '').replace(/^--/, '    --'),
  formatItem(term, termWidth, description, helper) {
    const columns = helper.helpWidth ?? widestColumns
    const isNarrow = columns < narrowColumns
    const indent = isNarrow ? 6 : termWidth + 4
    const lines = helper.boxWrap(description, Math.max(columns - indent, 20)).split('\n')
    const start = isNarrow ? `  ${term.trimStart()}\n${' '.repeat(indent)}` : `  ${term.padEnd(termWidth)}  `
    return description === '' ? `  ${term}` : start + lines.join(`\n${' '.repeat(indent)}`)
  },
}
