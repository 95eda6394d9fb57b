// A layer around the API that plays faults, and the routes that set and clear them while the lab runs.
import { describeError, UsageError } from '../../errors.ts'
import { apiFaults, type Step } from '../faults/fault-kinds.ts'
import { type ListFault, spoilList } from '../faults/list-faults.ts'
import { type FaultPlan, parseFaults } from '../faults/faults.ts'
import { type LabAnswer, noContent, ok, refuse } from '../web/answer.ts'
import type { ApiRequest, Handler } from '../web/request.ts'
import type { Route } from '../web/router.ts'

const stepPatterns: readonly (readonly [RegExp, Step])[] = [
  [/^POST \/projects\/[^/]+\/devices$/, 'create'],
  [/^GET \/projects\/[^/]+\/devices$/, 'list'],
  [/^GET \/devices\/[^/]+$/, 'get'],
  [/^GET \/devices\/[^/]+\/events$/, 'events'],
  [/^(PUT|PATCH) \/devices\/[^/]+$/, 'update'],
  [/^POST \/devices\/[^/]+\/actions$/, 'action'],
  [/^DELETE \/devices\/[^/]+$/, 'delete'],
]

/** The step that a request belongs to; undefined if no fault applies to it. */
export function stepOf({ method, path }: Pick<ApiRequest, 'method' | 'path'>): Step | undefined {
  const line = `${method} ${path}`
  return stepPatterns.find(([pattern]) => pattern.test(line))?.[1]
}

/** Removes the filters from a request, for the fault of a list that ignores them. */
function dropFilters(request: ApiRequest, kind: ListFault): ApiRequest {
  if (kind !== 'filter-ignored') return request
  const query = new URLSearchParams(
    [...request.query].filter(([name]) => /^(page|per_page|include|exclude)$/.test(name)),
  )
  return { ...request, query }
}

/** Plays the faults that are due, and passes every other request on. */
export function playFaults(plan: FaultPlan, next: Handler<LabAnswer>): Handler<LabAnswer> {
  return async (request) => {
    const step = stepOf(request)
    const fault = step === undefined ? undefined : plan.take(step)
    const kind = apiFaults.get(fault?.kind ?? '')
    if (fault === undefined || kind === undefined) return await next(request)
    if ('list' in kind) return spoilList(kind.list, await next(dropFilters(request, kind.list)), fault.lastsMs)
    if ('mishap' in kind) {
      return { ...(await next(request)), mishap: { kind: kind.mishap, lastsMs: fault.lastsMs } }
    }
    if ('isRepeated' in kind) {
      await next(request)
      return await next(request)
    }
    const { retryAfterSeconds: seconds, actMs } = fault
    if (actMs === 0) await next(request)
    else if (actMs !== undefined) setTimeout(() => void next(request), actMs).unref()
    if (seconds === undefined) return kind.instead
    return { ...kind.instead, headers: { ...kind.instead.headers, 'retry-after': String(seconds) } }
  }
}

/** `PUT /lab/faults` (the body is written as for --fault), `GET` and `DELETE`. */
export function faultRoutes(plan: FaultPlan): Route[] {
  const set = (text: string): LabAnswer => {
    try {
      plan.set(parseFaults(text))
      return ok({ faults: plan.list() })
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      return refuse(422, describeError(error))
    }
  }
  const clear = (): LabAnswer => {
    plan.set([])
    return noContent
  }
  return [
    ['PUT /lab/faults', ({ body }) => set(body.toString('utf8'))],
    ['GET /lab/faults', () => ok({ faults: plan.list() })],
    ['DELETE /lab/faults', clear],
  ]
}
