// The type of a flag, and the functions that declare one.
import { parseBoolean, parseCount } from './values.ts'

/** How a shell completes a value: with its own files or folders, or with names that metalkit looks up. */
export type Completes = 'files' | 'folders' | 'image' | 'device' | 'metro' | 'facility'

/** A flag. `T` is the type of its parsed value, which may be undefined if there is no fallback. */
export interface Flag<T = unknown> {
  /** Long name without dashes. */
  name: string
  short?: string
  /** Name of the value in help; absent for a boolean or a counter. */
  placeholder?: string
  /** If a flag is repeated, the last 'value' wins, and a 'list' keeps all; a variable gives one element. */
  kind: 'value' | 'list' | 'boolean' | 'count'
  /** Environment variables; the first set one wins. An empty variable counts as unset. */
  env: readonly string[]
  /** Key in metal.yaml. */
  config?: string
  /** The default, as text a user could have typed. */
  fallback?: string
  /** Description of a default that is computed later, for help. */
  computed?: string
  /** The accepted texts, if there are few. */
  choices?: readonly string[]
  /** How a shell completes the value. */
  completes?: Completes
  /** A secret is never quoted. */
  secret?: boolean
  help: string
  /** Parses the text or throws a Refusal; for a list, parses one element into a list of one. */
  parse: (text: string) => T
}

type Spec<T> = Omit<Flag<T>, 'kind' | 'env' | 'parse'> & { env?: readonly string[] }

/** The default variable of a flag: METAL_ and its name in capitals, as in metal-cli. */
function envOf(spec: { name: string; env?: readonly string[] }): readonly string[] {
  return spec.env ?? [`METAL_${spec.name.toUpperCase().replaceAll('-', '_')}`]
}

export function value<T>(spec: Spec<T> & { fallback: string; placeholder: string }, parse: (text: string) => T): Flag<T>
export function value<T>(spec: Spec<T> & { placeholder: string }, parse: (text: string) => T): Flag<T | undefined>
export function value<T>(spec: Spec<T>, parse: (text: string) => T): Flag<T | undefined> {
  return { ...spec, kind: 'value', env: envOf(spec), parse }
}

export function list<T>(spec: Spec<T[]> & { placeholder: string }, parse: (text: string) => T): Flag<T[]> {
  return { ...spec, kind: 'list', env: envOf(spec), parse: (text) => [parse(text)] }
}

export function boolean(spec: Spec<boolean> & { fallback: 'true' | 'false' }): Flag<boolean>
export function boolean(spec: Spec<boolean> & { computed: string }): Flag<boolean | undefined>
export function boolean(spec: Spec<boolean>): Flag<boolean | undefined> {
  return { ...spec, kind: 'boolean', env: envOf(spec), parse: parseBoolean }
}

export function count(spec: Spec<number>): Flag<number> {
  return { ...spec, kind: 'count', fallback: '0', env: envOf(spec), parse: parseCount }
}
