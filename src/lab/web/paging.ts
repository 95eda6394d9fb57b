// Pagination of lists, as in the API.

interface Href {
  href: string
}

/** The position of a page in its list. */
export interface Meta {
  self: Href
  first: Href
  last: Href
  previous: Href | null
  next: Href | null
  total: number
  current_page: number
  last_page: number
}

const defaultPerPage = 10
const maxPageSize = 1000

function readNumber(text: string | null, fallback: number, max: number): number {
  const number = Number(text)
  return text !== null && Number.isInteger(number) && number >= 1 ? Math.min(number, max) : fallback
}

/**
 * Returns the page of a list that the query requests (`page` from 1, `per_page` 10 and at most 1000; invalid values count
 * as absent), with links that keep the rest of the query. Links start with `path`, which is relative to the API, without /metal/v1,
 * since packngo appends them to its base URL (inferred from that; other hrefs have it).
 */
export function paginate<T>(items: readonly T[], path: string, query: URLSearchParams): { page: T[]; meta: Meta } {
  const perPage = readNumber(query.get('per_page'), defaultPerPage, maxPageSize)
  const current = readNumber(query.get('page'), 1, Number.MAX_SAFE_INTEGER)
  const last = Math.max(1, Math.ceil(items.length / perPage))
  const link = (number: number): Href => {
    const parameters = new URLSearchParams(query)
    parameters.set('page', String(number))
    return { href: `${path}?${parameters.toString()}` }
  }
  return {
    page: items.slice((current - 1) * perPage, current * perPage),
    meta: {
      self: link(current),
      first: link(1),
      last: link(last),
      previous: current > 1 ? link(current - 1) : null,
      next: current < last ? link(current + 1) : null,
      total: items.length,
      current_page: current,
      last_page: last,
    },
  }
}
