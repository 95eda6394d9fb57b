// The ways in which a successful list answer of the Metal API can be wrong.
import type { LabAnswer } from '../web/answer.ts'
import type { ListSpoiler } from './dialect.ts'

/** Faults of a list. */
export const listFaults = [
  /** `meta` is missing. */
  'no-meta',
  /** `meta` holds only `total`. */
  'total-only',
  /** `last_page` is 1 although `next` links to another page. */
  'last-page-wrong',
  /** `next` always links to a page. */
  'next-endless',
  /** The list ignores the request's filters. */
  'filter-ignored',
  /** The list omits machines younger than the fault's `for`, which is 20 s by default. */
  'lagging',
] as const
/** A fault of a list. */
export type ListFault = (typeof listFaults)[number]

type Meta = Record<string, unknown>

function spoilMeta(kind: ListFault, meta: Meta): Meta | undefined {
  if (kind === 'no-meta') return undefined
  if (kind === 'total-only') return { total: meta['total'] }
  if (kind === 'last-page-wrong') return { ...meta, last_page: 1 }
  return kind === 'next-endless' ? { ...meta, next: meta['self'] ?? { href: '' }, last_page: 2 ** 31 } : meta
}

/** How old a machine must be for a list that lags. */
export const lagMs = 20_000

function isOlder(item: unknown, ms: number): boolean {
  if (typeof item !== 'object' || item === null || !('created_at' in item)) return true
  return Date.now() - Date.parse(String(item.created_at)) >= ms
}

/** Returns the answer of a list with the fault applied. */
function spoilList(kind: ListFault, answer: LabAnswer, lastsMs = lagMs): LabAnswer {
  const { json } = answer
  if (typeof json !== 'object' || json === null) return answer
  const { meta, ...rest }: Meta = { ...json }
  const lists = Object.fromEntries(
    Object.entries<unknown>(rest).map(([key, list]) => [
      key,
      kind === 'lagging' && Array.isArray(list) ? list.filter((item) => isOlder(item, lastsMs)) : list,
    ]),
  )
  const spoilt = spoilMeta(kind, typeof meta === 'object' && meta !== null ? { ...meta } : {})
  return { ...answer, json: { ...lists, ...(spoilt === undefined ? {} : { meta: spoilt }) } }
}

/** The defect of a fault. */
export function spoilerOf(kind: ListFault): ListSpoiler {
  return {
    ...(kind === 'filter-ignored' ? { keeps: /^(page|per_page|include|exclude)$/ } : {}),
    spoil: (answer, lastsMs) => spoilList(kind, answer, lastsMs),
  }
}
