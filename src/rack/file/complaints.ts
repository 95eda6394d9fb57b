// The mistakes in a rack file as messages: each names its key and quotes the value, except for secrets.
import type { z } from 'zod'
import { UsageError } from '../../errors.ts'
import { hidePassword } from '../../text/hide-password.ts'
import { plainJson, plainText } from '../../text/plain-text.ts'

const maxLength = 60

function lookUp(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  return value
}

function join(keys: readonly PropertyKey[]): string {
  return keys
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${plainText(String(key))}`))
    .join('')
}

/** `power.user of the machine "r1"`, `machines[0].name`, `network.address`. */
function nameKey(document: unknown, path: readonly PropertyKey[]): string {
  const [list, index, ...inner] = path
  if (list !== 'machines' || typeof index !== 'number') return path.length === 0 ? 'it' : join(path)
  const name = lookUp(document, ['machines', index, 'name'])
  if (typeof name !== 'string' || inner[0] === 'name') return join(path)
  const machine = `the machine ${quote(name)}`
  return inner.length === 0 ? machine : `${join(inner)} of ${machine}`
}

function quote(value: unknown): string {
  const text = plainJson(typeof value === 'string' ? hidePassword(value) : value)
  return text.length > maxLength ? `${text.slice(0, maxLength)}...` : text
}

/** The mistakes that zod found, as clauses. */
export function describeIssues(document: unknown, issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.map(({ code, path, message }) => {
    const key = nameKey(document, path)
    // These messages are clauses; the others say what is expected.
    if (code === 'custom' || code === 'unrecognized_keys') return `${key} ${message}`
    const value = lookUp(document, path)
    if (value === undefined || value === null) return `${key} is missing: it is ${message}`
    // A section may hold anything, a password too.
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    const isSection = /^a (section|file) /.test(message)
    return isPlain && !isSection ? `${key} is ${quote(value)}, not ${message}` : `${key} must be ${message}`
  })
}

/** The error for mistakes of a file: one line each. */
export function complain(file: string, clauses: readonly string[]): UsageError | AggregateError {
  const errors = clauses.map((clause) => new UsageError(`in the rack file "${plainText(file)}", ${clause}`))
  const [first, ...others] = errors
  return first !== undefined && others.length === 0 ? first : new AggregateError(errors, 'the rack file has mistakes')
}
