// Clouds, opened with the values of a command's flags.
import { heed } from '../../deadline.ts'
import { ConsoleError, UsageError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Cloud, CloudContext } from '../../machine/cloud.ts'
import { runFlagNames } from '../../options/command-flags.ts'
import type { Flag } from '../../options/flags/flag.ts'
import { type FlagName, flags } from '../../options/flags.ts'
import { requireOption, resolveOptions, type Texts } from '../../options/precedence.ts'
import { hidePassword } from '../../text/hide-password.ts'
import { quoteWord } from '../../text/shell-word.ts'
import { type CloudRow, clouds } from './clouds.ts'

/** Advice for a shell without a lab's variables while a lab runs; undefined if none runs. */
async function findLabHint(env: Context['env']): Promise<string | undefined> {
  const { stateFolderOf } = await import('../../lab/storage/state-paths.ts')
  const { listRunningLabs, nameFlag } = await import('../../lab/storage/running-labs.ts')
  const labs = await listRunningLabs(stateFolderOf(env)).catch(() => [])
  const name = labs.find((lab) => lab.name !== undefined)?.name
  if (name === undefined) return undefined
  return `a lab runs on this computer; to use it, run: eval "$(metalkit lab env${nameFlag(name)})"`
}

/** Without a token while a lab runs, lets an error about keys advise using the lab, whose variables name its key. */
export async function adviseLab(error: unknown, apiKey: string | undefined, env: Context['env']): Promise<never> {
  const hint = apiKey === undefined && error instanceof ConsoleError ? await findLabHint(env) : undefined
  if (hint === undefined || !(error instanceof ConsoleError)) throw error
  throw new ConsoleError(error.message, { hint, cause: error })
}

function isFlagName(name: string): name is FlagName {
  return Object.hasOwn(flags, name)
}

const credentials = new Set(['apiKey', 'projectId'])

/** A value that a call needs. @throws UsageError with every way to set it; for credentials it suggests the lab first */
export async function requireFlag(
  row: CloudRow,
  name: string,
  value: string | undefined,
  { env }: Pick<Context, 'env'>,
): Promise<string> {
  const flag = row.own[name] ?? name
  if (!isFlagName(flag)) throw new TypeError(`no flag ${flag}`)
  try {
    return requireOption(flag, value)
  } catch (error) {
    if (!(error instanceof UsageError) || !credentials.has(name)) throw error
    const isFirst = row === clouds[0]
    const lab = `metalkit lab${isFirst ? '' : ` --cloud ${row.name}`}`
    const start = `to try metalkit without an account, start a cloud on this computer: ${lab}`
    const hint = `${(isFirst ? await findLabHint(env) : undefined) ?? start}; otherwise ${error.hint}`
    throw new UsageError(error.message, { hint })
  }
}

/**
 * The values of flags by the names that commands use for them, and where they came from. Flags of `run` that the cloud does not have
 * get their defaults.
 */
export function adopt<O extends object>(
  row: CloudRow,
  options: O,
  sources: Context['sources'],
): { options: O; sources: ReadonlyMap<string, string> } {
  const values = new Map<string, unknown>(Object.entries(options))
  const origins = new Map(sources)
  for (const name of runFlagNames) {
    const { fallback, parse }: Flag = flags[name]
    if (!values.has(name)) values.set(name, fallback === undefined ? undefined : parse(fallback))
  }
  for (const [name, flag] of Object.entries(row.own)) {
    values.set(name, values.get(flag))
    const source = sources?.get(flag)
    if (source === undefined) origins.delete(name)
    else origins.set(name, source)
  }
  return { options: Object.assign({}, options, Object.fromEntries(values)), sources: origins }
}

/** Where a cloud looks for machines, as flags that have a variable too; the API key is not printed. */
const scopeFlags = ['projectId', 'compartment', 'profile', 'configFile', 'apiUrl']

/** The variables that make another command look where this one does, as words of a shell before it: those of flags that were given. */
export function scopeSettings(row: CloudRow, options: object, { sources }: Pick<Context, 'sources'>): string {
  const words = scopeFlags.flatMap((name) => {
    const flag = row.own[name] ?? name
    const value: unknown = Reflect.get(options, name)
    const isGiven = sources?.get(name)?.startsWith('--') === true
    if (!isFlagName(flag) || typeof value !== 'string' || !isGiven || hidePassword(value) !== value) return []
    return [`${flags[flag].env[0]}=${quoteWord(value)} `]
  })
  return words.join('')
}

/** The cloud of a row. @param isLenient true to do without missing values, for what needs no API */
export async function openCloud(row: CloudRow, options: object, context: Context, isLenient = false): Promise<Cloud> {
  const surroundings: CloudContext = {
    ...context,
    require: async (flag, value) => (isLenient ? (value ?? '') : await requireFlag(row, flag, value, context)),
  }
  const module = await row.load()
  // Its credentials may be in files that never answer.
  return await heed(module.open(options, surroundings), context.signal)
}

/**
 * The options of a command that works on several clouds, as one of them takes them: its flags get the values of its own variables.
 * @param isNamed true if the command names a machine of this cloud: then flags on the command line are this cloud's
 */
export async function optionsFor<O extends object>(
  row: CloudRow,
  options: O,
  context: Context,
  isNamed = true,
): Promise<{ options: O; context: Context }> {
  const texts: Texts = {}
  for (const [name, flag] of Object.entries(isNamed ? row.own : {})) {
    const value: unknown = Reflect.get(options, name)
    if (typeof value === 'string' && context.sources?.get(name)?.startsWith('--')) texts[flag] = value
  }
  const own = new Map<FlagName, string>()
  const values = await resolveOptions(Object.values(row.own), texts, context.env, own)
  const sources = new Map([...(context.sources ?? []), ...own])
  const adopted = adopt(row, { ...options, ...values }, sources)
  return { options: adopted.options, context: { ...context, sources: adopted.sources } }
}
