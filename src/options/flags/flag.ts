// What a flag is, and the ways to declare one.
import { parseBoolean, parseCount } from './values.ts'

/** What a shell completes a value with: its own files or folders, or names that metalkit looks up. */
export type Completes = 'files' | 'folders' | 'image' | 'device' | 'metro' | 'facility'

/** One flag. `T` is what its text parses to; without a fallback the value may be undefined. */
export interface Flag<T = unknown> {
  /** Long name without dashes. */
  name: string
  short?: string
  /** What the value is called in help; absent for a boolean or a counter. */
  placeholder?: string
  /** Of a 'value' the last one given counts, of a 'list' all; a variable gives one element. */
  kind: 'value' | 'list' | 'boolean' | 'count'
  /** Environment variables, the first set one counts. An empty one is as good as unset. */
  env: readonly string[]
  /** Key in metal.yaml. */
  config?: string
  /** The default, as text a user could have typed. */
  fallback?: string
  /** What help says of a default that is worked out later. */
  computed?: string
  /** The texts that are taken, where there are few. */
  choices?: readonly string[]
  /** What a shell completes it with. */
  completes?: Completes
  /** A secret is never quoted. */
  secret?: boolean
  help: string
  /** Parses the text or throws a Refusal; of a list, one element's text into a list of one. */
  parse: (text: string) => T
}

type Spec<T> = Omit<Flag<T>, 'kind' | 'env' | 'parse'> & { env?: readonly string[] }

/** The rule for flags that name no variable: METAL_ and the flag in capitals (as metal-cli has it). */
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
