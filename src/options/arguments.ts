// The command line as Go programs take it, put into the form commander reads.
import type { Flag } from './flags/flag.ts'
import { flags, globalFlags } from './flags.ts'

const byName = new Map<string, Flag>()
for (const flag of Object.values<Flag>(flags)) {
  byName.set(flag.name, flag)
  if (flag.short !== undefined) byName.set(flag.short, flag)
}
const globals = new Set<Flag>(globalFlags.map((name) => flags[name]))

/**
 * Go's ways with flags, put into the one form commander reads: `-serve :8080` and `-serve=:8080` become
 * `--serve=:8080`, `-keep` becomes `--keep=true`, and the flags of all commands (-q, -v) move to the front.
 * Stops at `--`. What is not a flag of ours stays as it is.
 */
export function normaliseArgs(argv: readonly string[]): string[] {
  const front: string[] = []
  const rest: string[] = []
  let i = 0
  for (; i < argv.length && argv[i] !== '--'; i++) {
    const arg = argv[i] ?? ''
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg)
    if (match === null) {
      rest.push(arg)
      continue
    }
    const name = match[1] ?? ''
    const inline = match[2]
    const repeated = /^-v{2,}$/.test(arg)
    const flag = repeated ? flags.verbose : byName.get(name)
    if (flag === undefined) {
      rest.push(name.length > 1 ? `-${arg.replace(/^-+/, '-')}` : arg)
    } else {
      const next = argv[i + 1]
      const takesText = flag.kind === 'value' || flag.kind === 'list'
      const text = repeated
        ? String(name.length)
        : (inline ?? (takesText ? next : flag.kind === 'count' ? '+1' : 'true'))
      if (inline === undefined && takesText) i++
      const target = globals.has(flag) ? front : rest
      target.push(text === undefined ? `--${flag.name}` : `--${flag.name}=${text}`)
    }
  }
  return [...front, ...rest, ...argv.slice(i)]
}
