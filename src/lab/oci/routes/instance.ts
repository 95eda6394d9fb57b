// Instances: launch, get, list, update, action, terminate.
import type { PowerAction } from '../../cloud/device-state.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import type { Account } from '../account/account.ts'
import { refuseStruct, requireQuery, withStruct } from '../wire/contract.ts'
import { etagOf, instanceView } from '../compute/instance.ts'
import { type LifecycleState, stateOf } from '../compute/state.ts'
import type { Instance, Instances } from '../compute/instances.ts'
import { isCompartment, launch, refuseNames } from '../compute/launch.ts'
import { answerPage, filterViews, sortViews } from '../wire/paging.ts'
import { notFound, refuse } from '../wire/refusal.ts'
import { invalidatedToken, readRetry, RetryTokens } from '../wire/retry-tokens.ts'
import { parseJson } from '../../web/request.ts'

/** The actions, the states from which they start, and what the machine does; an interrupt does nothing to the lab's machines. */
const actions: Readonly<Record<string, readonly [from: LifecycleState, does: PowerAction | undefined]>> = {
  START: ['STOPPED', 'power_on'],
  STOP: ['RUNNING', 'power_off'],
  SOFTSTOP: ['RUNNING', 'power_off'],
  RESET: ['RUNNING', 'reboot'],
  SOFTRESET: ['RUNNING', 'reboot'],
  DIAGNOSTICREBOOT: ['RUNNING', 'reboot'],
  REBOOTMIGRATE: ['RUNNING', 'reboot'],
  SENDDIAGNOSTICINTERRUPT: ['RUNNING', undefined],
}

/** The API as the routes see it. */
export interface RouteParts {
  account: Account
  instances: Instances
}

/** Answers with an instance. */
function show({ device, details }: Instance, headers: Record<string, string> = {}): LabAnswer {
  const view = instanceView(device, details)
  return { status: 200, json: view, headers: { etag: etagOf(view), ...headers } }
}

/** The refusal of a change that the instance's state does not allow. */
export function incorrectState({ device }: Instance, what: string): LabAnswer {
  return refuse('IncorrectState', `The instance is ${stateOf(device)}, so it cannot ${what}.`)
}

/** Answers a request about the instance in its path; 412 if it has changed since the client saw it. */
export function forInstance(
  instances: Instances,
  { parameters: [id = ''], headers }: RoutedRequest,
  answer: (instance: Instance) => LabAnswer,
): LabAnswer {
  const instance = instances.find(id)
  if (instance === undefined) return notFound
  const match = headers['if-match']
  const etag = etagOf(instanceView(instance.device, instance.details))
  return match === undefined || match === etag || match === '*'
    ? answer(instance)
    : refuse('NoEtagMatch', 'The ETag of the instance is another.')
}

/** Routes for instances. */
export function instanceRoutes(parts: RouteParts): Route[] {
  const { account, instances } = parts
  const actionTokens = new RetryTokens<string>()

  const create = (request: RoutedRequest): LabAnswer => {
    const retry = readRetry(request)
    if (retry !== undefined && 'status' in retry) return retry
    const before = retry && instances.findRetried(retry.token)
    if (before !== undefined) {
      // Once the instance is gone, the token is no longer good for anything.
      const isGood = before.details.retry?.digest === retry?.digest && stateOf(before.device) !== 'TERMINATED'
      return isGood ? show(before) : invalidatedToken
    }
    return withStruct(request, 'LaunchInstanceDetails', (fields) => {
      const launched = launch(fields, request, parts)
      if ('status' in launched) return launched
      return show(launched, { 'opc-work-request-id': instances.record('LaunchInstance', launched) })
    })
  }

  /** `displayName` is compared exactly. */
  const list = (request: RoutedRequest): LabAnswer =>
    requireQuery(request, 'ListInstancesRequest', () => {
      const { query } = request
      if (!isCompartment(query.get('compartmentId'), account)) return notFound
      const views = instances.list().map(({ device, details }) => instanceView(device, details))
      const fitting = filterViews(views, query, [
        'compartmentId',
        'availabilityDomain',
        'displayName',
        'lifecycleState',
      ])
      return answerPage(sortViews(fitting, query), query)
    })

  const update = (request: RoutedRequest): LabAnswer =>
    forInstance(instances, request, (instance) =>
      withStruct(request, 'UpdateInstanceDetails', (fields) => {
        const refusal = refuseNames(fields)
        if (refusal !== undefined) return refusal
        if (['TERMINATING', 'TERMINATED'].includes(stateOf(instance.device))) return incorrectState(instance, 'change')
        const changeable = ['displayName', 'freeformTags', 'definedTags', 'metadata', 'extendedMetadata']
        for (const name of changeable) {
          if (fields[name] !== undefined) Object.assign(instance.details, { [name]: fields[name] })
        }
        instances.keep(instance)
        return show(instance, { 'opc-work-request-id': instances.record('UpdateInstance', instance) })
      }),
    )

  const act = (request: RoutedRequest): LabAnswer =>
    requireQuery(request, 'InstanceActionRequest', () =>
      forInstance(instances, request, (instance) => {
        const name = request.query.get('action') ?? ''
        if (!Object.hasOwn(actions, name)) return refuse('InvalidParameter', `action ${name} is not valid`)
        const [from, does] = actions[name] ?? []
        const body = request.body.length === 0 ? undefined : parseJson(request.body)?.value
        const refusal = body === undefined ? undefined : refuseStruct(body, 'InstancePowerActionDetails')
        if (refusal !== undefined) return refusal
        return actionTokens.once(request, {
          again: () => show(instance),
          first(remember) {
            if (stateOf(instance.device) !== from) return incorrectState(instance, name)
            remember(name)
            if (does !== undefined) instances.devices.act(instance.device, does)
            return show(instance, { 'opc-work-request-id': instances.record(name, instance) })
          },
        })
      }),
    )

  const terminate = (request: RoutedRequest): LabAnswer => {
    const preserve = request.query.get('preserveBootVolume')
    if (preserve !== null && !['true', 'false'].includes(preserve)) {
      return refuse('InvalidParameter', 'preserveBootVolume must be true or false')
    }
    return forInstance(instances, request, (instance) => {
      const state = stateOf(instance.device)
      if (state === 'TERMINATED') return notFound
      if (instance.device.state === 'deprovisioning') return incorrectState(instance, 'be terminated again')
      instances.devices.remove(instance.device)
      return { status: 204, headers: { 'opc-work-request-id': instances.record('TerminateInstance', instance) } }
    })
  }

  return [
    ['POST /instances', create],
    ['GET /instances', list],
    ['GET /instances/{id}', (request) => forInstance(instances, request, (instance) => show(instance))],
    ['PUT /instances/{id}', update],
    ['POST /instances/{id}', act],
    ['DELETE /instances/{id}', terminate],
  ]
}
