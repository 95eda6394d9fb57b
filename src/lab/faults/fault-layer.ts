// A layer around the API that plays faults, and the routes that set and clear them while the lab runs.
import { describeError, UsageError } from '../../errors.ts'
import type { FaultDialect } from './dialect.ts'
import { type FaultPlan, parseFaults } from './faults.ts'
import { type LabAnswer, noContent, ok, refuse } from '../web/answer.ts'
import type { ApiRequest, Handler } from '../web/request.ts'
import type { Route } from '../web/router.ts'

/** Removes parameters from a request, for a list that ignores its filters. */
function keepOnly(request: ApiRequest, keeps: RegExp | undefined): ApiRequest {
  if (keeps === undefined) return request
  return { ...request, query: new URLSearchParams([...request.query].filter(([name]) => keeps.test(name))) }
}

/** Plays the faults that are due, and passes every other request on. */
export function playFaults(dialect: FaultDialect, plan: FaultPlan, next: Handler<LabAnswer>): Handler<LabAnswer> {
  return async (request) => {
    const step = dialect.stepOf(request)
    const fault = step === undefined ? undefined : plan.take(step)
    const kind = dialect.kinds.get(fault?.kind ?? '')
    if (fault === undefined || kind === undefined) return await next(request)
    if ('list' in kind) return kind.list.spoil(await next(keepOnly(request, kind.list.keeps)), fault.lastsMs)
    if ('plight' in kind) return await next({ ...request, plight: kind.plight })
    if ('mishap' in kind) {
      return { ...(await next(request)), mishap: { kind: kind.mishap, lastsMs: fault.lastsMs } }
    }
    if ('isRepeated' in kind) {
      await next(request)
      return await next(request)
    }
    const { retryAfterSeconds: seconds, actMs } = fault
    if (actMs === 0) await next(request)
    else if (actMs !== undefined) plan.later(actMs, () => void next(request))
    if (seconds === undefined) return kind.instead
    return { ...kind.instead, headers: { ...kind.instead.headers, 'retry-after': String(seconds) } }
  }
}

/** `PUT /lab/faults` (the body is written as for --fault), `GET` and `DELETE`. */
export function faultRoutes(dialect: FaultDialect, plan: FaultPlan): Route[] {
  const set = (text: string): LabAnswer => {
    try {
      plan.set(parseFaults(text, dialect))
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
