// Lists: their parameters, pages and answers.
import type { LabAnswer } from '../../web/answer.ts'
import { bare, refusal, type JsonResource } from './answers.ts'

const defaultSize = 20
/** [I] */
const maxSize = 100

const pageParameters = ['page[size]', 'page[number]', 'stats[total]']

function unsupported(parameter: string, detail: string): LabAnswer {
  return refusal(400, { code: 'VALIDATION_ERROR', title: 'Validation Error', detail, source: { parameter } })
}

/** Refuses parameters that the specification does not have for a list; undefined if all are known. */
export function refuseParameters(query: URLSearchParams, known: readonly string[]): LabAnswer | undefined {
  const unknown = [...query.keys()].find((name) => !known.includes(name) && !pageParameters.includes(name))
  return unknown === undefined ? undefined : unsupported(unknown, `contains unsupported field: ${unknown}`)
}

function readNumber(query: URLSearchParams, name: string, fallback: number): number | undefined {
  const text = query.get(name)
  if (text === null) return fallback
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined
}

/** The answer to a list: the page that the query asks for, and the length of the list if it asks for that. */
export function pageOf<T>(items: readonly T[], query: URLSearchParams, view: (item: T) => JsonResource): LabAnswer {
  const requestedSize = readNumber(query, 'page[size]', defaultSize)
  const number = readNumber(query, 'page[number]', 1)
  if (requestedSize === undefined) return unsupported('page[size]', 'must be a positive number')
  if (number === undefined) return unsupported('page[number]', 'must be a positive number')
  const size = Math.min(requestedSize, maxSize)
  const data = items.slice((number - 1) * size, number * size).map(view)
  const isCounted = query.get('stats[total]') === 'count'
  return bare({ data, meta: isCounted ? { stats: { total: { count: items.length } } } : {} })
}
