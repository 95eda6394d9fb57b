// Pages of a list: `limit` and `page` in the query, `opc-next-page` in the answer.
import type { LabAnswer } from '../../web/answer.ts'
import { refuse } from './refusal.ts'

const defaultLimit = 100
const maxLimit = 1000

const tokenOf = (offset: number) => Buffer.from(`lab:${offset}`).toString('base64url')

/** The offset that a page token stands for; undefined if the lab did not make it. */
function offsetOf(token: string): number | undefined {
  const [, digits] = /^lab:(\d+)$/.exec(Buffer.from(token, 'base64url').toString('utf8')) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** Answers with one page of a list. */
export function answerPage(items: readonly unknown[], query: URLSearchParams): LabAnswer {
  const limitText = query.get('limit')
  const limit = limitText === null ? defaultLimit : Number(limitText)
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    return refuse('InvalidParameter', `limit must be a number from 1 to ${maxLimit}`)
  }
  const page = query.get('page')
  const offset = page === null ? 0 : offsetOf(page)
  if (offset === undefined) return refuse('InvalidParameter', 'page is not a token of this list')
  const end = offset + limit
  const headers: Record<string, string> = end < items.length ? { 'opc-next-page': tokenOf(end) } : {}
  return { status: 200, json: items.slice(offset, end), headers }
}

/** Sorts views by a time or a name, as `sortBy` and `sortOrder` ask; by default the newest come first. */
export function sortViews<View extends Record<string, unknown>>(
  views: readonly View[],
  query: URLSearchParams,
): View[] {
  const byName = query.get('sortBy') === 'DISPLAYNAME'
  const field = byName ? 'displayName' : 'timeCreated'
  const isDescending = (query.get('sortOrder') ?? (byName ? 'ASC' : 'DESC')) === 'DESC'
  const sorted = views.toSorted((a, b) => String(a[field]).localeCompare(String(b[field])))
  return isDescending ? sorted.toReversed() : sorted
}

/** The views whose fields have the values in the query, exactly. */
export function filterViews<View extends Record<string, unknown>>(
  views: readonly View[],
  query: URLSearchParams,
  fields: readonly string[],
): View[] {
  return views.filter((view) => fields.every((field) => !query.has(field) || query.get(field) === view[field]))
}
