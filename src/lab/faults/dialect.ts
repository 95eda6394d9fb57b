// The faults of one cloud's API: which requests they affect, and the answers, in that API's words.
import type { Plight } from '../cloud/device-state.ts'
import type { LabAnswer, Mishap } from '../web/answer.ts'
import type { ApiRequest } from '../web/request.ts'

/** A defect of a list's answer. */
export interface ListSpoiler {
  /** The parameters that the request keeps; by default all. */
  keeps?: RegExp
  /** Applies the defect; `lastsMs` is the fault's `for`. */
  spoil(answer: LabAnswer, lastsMs: number | undefined): LabAnswer
}

/**
 * `instead`: this answer is sent, and the request is carried out only if the fault says `act`. `mishap`: the request is carried out,
 * but sending its answer fails in this way. `isRepeated`: the request is carried out twice. `list`: the answer is a list with this
 * defect. `plight`: the machine that the request creates does not come up.
 */
export type ApiFault =
  | { instead: LabAnswer }
  | { mishap: Mishap }
  | { isRepeated: true }
  | { list: ListSpoiler }
  | { plight: Plight }

/** The faults of an API. */
export interface FaultDialect {
  /** The kinds of request, and `sos`, the connection to the console. */
  readonly steps: readonly string[]
  /** The step that a request belongs to; undefined if no fault applies to it. */
  stepOf(request: Pick<ApiRequest, 'method' | 'path'>): string | undefined
  /** The faults of the API by name. */
  readonly kinds: ReadonlyMap<string, ApiFault>
  /** The steps whose requests create or install a machine. */
  readonly installing: readonly string[]
  /** Steps that the face plays itself, with their kinds. */
  readonly played?: Readonly<Record<string, readonly string[]>>
}

/** Creates `stepOf` from patterns of `METHOD /path`. */
export function stepsByPattern(
  patterns: readonly (readonly [RegExp, string])[],
): (request: Pick<ApiRequest, 'method' | 'path'>) => string | undefined {
  return ({ method, path }) => patterns.find(([pattern]) => pattern.test(`${method} ${path}`))?.[1]
}

/** Faults of every API: those that do not depend on its words. */
export const wordlessFaults: readonly (readonly [string, ApiFault])[] = [
  ['drop-before', { instead: { status: 500, mishap: { kind: 'dropped' } } }],
  ['drop-after', { mishap: 'dropped' }],
  ['slow-headers', { mishap: 'late' }],
  ['slow-body', { mishap: 'halting' }],
  ['cut-body', { mishap: 'cut' }],
  ['truncated', { mishap: 'truncated' }],
  ['twice', { isRepeated: true }],
]

/** An answer of a proxy in front of the API. */
export function proxyAnswer(status: number, reason: string): LabAnswer {
  const title = `${status} ${reason}`
  const text = `<html>\r\n<head><title>${title}</title></head>\r\n<body><center><h1>${title}</h1></center></body>\r\n</html>\r\n`
  return { status, text, headers: { 'content-type': 'text/html' } }
}

/** Faults of the console: the ways in which a connection to it fails. */
export const sosFaults = ['drop-before', 'silent', 'wrong-key', 'auth-refused', 'drop-session'] as const
/** A fault of the console. */
export type SosFault = (typeof sosFaults)[number]
