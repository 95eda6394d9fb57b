// How a list of the API can be wrong without being an error.
import type { LabAnswer } from '../web/answer.ts'

/** Faults of a list. */
export const listFaults = [
  /** No `meta` at all. */
  'no-meta',
  /** `meta` with `total` alone. */
  'total-only',
  /** `last_page` 1 while `next` has another page. */
  'last-page-wrong',
  /** `next` without end. */
  'next-endless',
  /** What was to be left out is there too. */
  'filter-ignored',
  /** Machines that are younger than the fault's `for`, 20 s by default, are left out. */
  'lagging',
] as const
/** One of them. */
export type ListFault = (typeof listFaults)[number]

type Meta = Record<string, unknown>

function spoilMeta(kind: ListFault, meta: Meta): Meta | undefined {
  if (kind === 'no-meta') return undefined
  if (kind === 'total-only') return { total: meta['total'] }
  if (kind === 'last-page-wrong') return { ...meta, last_page: 1 }
  return kind === 'next-endless' ? { ...meta, next: meta['self'] ?? { href: '' }, last_page: 2 ** 31 } : meta
}

const lagMs = 20_000

function isOlder(item: unknown, ms: number): boolean {
  if (typeof item !== 'object' || item === null || !('created_at' in item)) return true
  return Date.now() - Date.parse(String(item.created_at)) >= ms
}

/** The answer of a list as the fault has it. */
export function spoilList(kind: ListFault, answer: LabAnswer, lastsMs = lagMs): LabAnswer {
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
