// Resolves a value: flag > environment > metal.yaml > default.
import { UsageError } from '../errors.ts'
import type { Flag } from './flags/flag.ts'
import { type FlagName, flags, type Options } from './flags.ts'
import { Refusal } from './flags/values.ts'

/** The texts on the command line, by flag name in code; for a list, all its elements. */
export type Texts = Partial<Record<FlagName, string | readonly string[]>>

/** The source of a value, as errors name it. */
type Source = { label: string; text: string }

function find(flag: Flag, text: string | undefined, env: Record<string, string | undefined>): Source | undefined {
  if (text !== undefined) return { label: `--${flag.name}`, text }
  const variable = flag.env.find((name) => env[name] !== undefined && env[name] !== '')
  return variable === undefined ? undefined : { label: variable, text: env[variable] ?? '' }
}

function parseSource(flag: Flag, source: Source): unknown {
  try {
    return flag.parse(source.text)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const shown = flag.secret ? '' : ` ${JSON.stringify(source.text)}`
    throw new UsageError(
      `${source.label}${shown} ${error.message}`,
      error.hint === undefined ? {} : { hint: error.hint },
    )
  }
}

/**
 * The values of the named flags, whose `texts` are those of the command line. The configuration
 * file is read only if a flag that it may set is not set elsewhere. `sources` records the origin of each value.
 * @throws UsageError that names the flag, variable or file with the invalid value
 */
export async function resolveOptions<N extends FlagName>(
  names: readonly N[],
  texts: Texts,
  env: Record<string, string | undefined>,
  sources?: Map<FlagName, string>,
): Promise<Options<N>> {
  const values: Partial<Record<FlagName, unknown>> = {}
  for (const name of names) {
    const flag: Flag = flags[name]
    const written = texts[name]
    if (flag.kind === 'list') {
      const elements = [written ?? find(flag, undefined, env) ?? []].flat()
      values[name] = elements.flatMap((element) =>
        parseSource(flag, typeof element === 'string' ? { label: `--${flag.name}`, text: element } : element),
      )
      continue
    }
    let source = find(flag, typeof written === 'string' ? written : written?.at(-1), env)
    if (source === undefined && flag.config !== undefined) {
      const { readConfig } = await import('./config.ts')
      const { path, values: config } = await readConfig(env)
      const text = config[flag.config]
      if (text !== undefined && text !== '') source = { label: `${flag.config} in ${path}`, text }
    }
    if (source !== undefined) sources?.set(name, source.label)
    if (source === undefined && flag.fallback !== undefined) source = { label: `--${flag.name}`, text: flag.fallback }
    values[name] = source === undefined ? undefined : parseSource(flag, source)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has set every name in names, each by its own flag's parser
  return values as Options<N>
}

/** A required value. @throws UsageError that lists every way to set it */
export function requireOption<T>(name: FlagName, value: T | undefined): NonNullable<T> {
  if (value !== undefined && value !== null && value !== '') return value
  const flag: Flag = flags[name]
  const ways = [`--${flag.name}`, ...flag.env, ...(flag.config === undefined ? [] : [`${flag.config} in metal.yaml`])]
  throw new UsageError(`no ${flag.name} is given`, { hint: `set ${ways.join(' or ')} (${flag.help})` })
}
