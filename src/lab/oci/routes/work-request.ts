// Work requests: how far the work of a call is, and why it failed.
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { requireQuery } from '../wire/contract.ts'
import { stateOf } from '../compute/state.ts'
import type { WorkRequest } from '../compute/instances.ts'
import { isCompartment } from '../compute/launch.ts'
import { answerPage, filterViews } from '../wire/paging.ts'
import { notFound } from '../wire/refusal.ts'
import type { RouteParts } from './instance.ts'

/** Routes for work requests. */
export function workRequestRoutes({ account, instances }: RouteParts): Route[] {
  /** Why a launch failed, and when; undefined if it has not. */
  const failureOf = ({ operation, instanceId }: WorkRequest) => {
    const device = instances.find(instanceId)?.device
    const hasFailed = operation === 'LaunchInstance' && device?.readyAt === null
    return hasFailed ? device.events.findLast(({ type }) => type === 'instance.failed') : undefined
  }

  const view = (work: WorkRequest): Record<string, unknown> => {
    const device = instances.find(work.instanceId)?.device
    const state = device === undefined ? 'TERMINATED' : stateOf(device)
    const isUnderWay =
      work.operation === 'TerminateInstance' ? state !== 'TERMINATED' : !/^(RUNNING|STOPPED|TERM)/.test(state)
    const failure = failureOf(work)
    const status = failure !== undefined ? 'FAILED' : isUnderWay ? 'IN_PROGRESS' : 'SUCCEEDED'
    return {
      id: work.id,
      operationType: work.operation,
      status,
      compartmentId: work.compartmentId,
      percentComplete: isUnderWay ? (device?.percentage ?? 0) : 100,
      resources: [
        {
          entityType: 'instance',
          identifier: work.instanceId,
          actionType: isUnderWay ? 'IN_PROGRESS' : work.operation === 'LaunchInstance' ? 'CREATED' : 'UPDATED',
          entityUri: `/20160918/instances/${work.instanceId}`,
        },
      ],
      timeAccepted: work.acceptedAt,
      timeStarted: work.acceptedAt,
      timeFinished: isUnderWay ? null : (device?.updatedAt ?? null),
    }
  }

  const of =
    (answer: (work: WorkRequest, request: RoutedRequest) => LabAnswer) =>
    (request: RoutedRequest): LabAnswer => {
      const work = instances.work.find(({ id }) => id === request.parameters[0])
      return work === undefined ? notFound : answer(work, request)
    }

  const errors = (work: WorkRequest, { query }: RoutedRequest): LabAnswer => {
    const failure = failureOf(work)
    const list =
      failure === undefined ? [] : [{ code: 'InternalError', message: failure.body, timestamp: failure.createdAt }]
    return answerPage(list, query)
  }

  const list = (request: RoutedRequest): LabAnswer =>
    requireQuery(request, 'ListWorkRequestsRequest', () => {
      const { query } = request
      if (!isCompartment(query.get('compartmentId'), account)) return notFound
      const resource = query.get('resourceId')
      const work = instances.work.filter(({ instanceId }) => resource === null || resource === instanceId)
      return answerPage(filterViews(work.map(view), query, ['compartmentId']), query)
    })

  return [
    ['GET /workRequests', list],
    ['GET /workRequests/{id}', of((work) => ({ status: 200, json: view(work) }))],
    ['GET /workRequests/{id}/errors', of(errors)],
    ['GET /workRequests/{id}/logs', of((_work, { query }) => answerPage([], query))],
  ]
}
