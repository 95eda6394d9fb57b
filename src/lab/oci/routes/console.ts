// Console connections and console histories. Texts are inferred, except for the limits, which Oracle's documentation names.
import type { Address } from '../../../address.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import {
  type ConsoleConnection,
  type Connections,
  connectionView,
  maxConnections,
  readRsaKey,
} from '../console/connections.ts'
import { captureHistory, type History, historyState, historyView } from '../console/histories.ts'
import { requireQuery, withStruct } from '../wire/contract.ts'
import { etagOf } from '../compute/instance.ts'
import { stateOf } from '../compute/state.ts'
import { isCompartment } from '../compute/launch.ts'
import { answerPage, filterViews, sortViews } from '../wire/paging.ts'
import { notFound, refuse } from '../wire/refusal.ts'
import { RetryTokens } from '../wire/retry-tokens.ts'
import { incorrectState, type RouteParts } from './instance.ts'

/** The parts of the console's routes. */
export interface ConsoleRouteParts extends RouteParts {
  connections: Connections
  /** Where the gateway listens. */
  gateway: Address
  hostKeyFingerprint: string
  /** How long each step of a history takes. */
  stepMs: number
}

const defaultHistoryBytes = 10_240
const maxHistoryBytes = 1_048_576

/** Routes for consoles. */
export function consoleRoutes(parts: ConsoleRouteParts): Route[] {
  const { account, instances, connections, gateway, hostKeyFingerprint, stepMs } = parts
  const histories = new Map<string, History>()
  const tokens = { connection: new RetryTokens<ConsoleConnection>(), history: new RetryTokens<History>() }
  const showConnection = (connection: ConsoleConnection): LabAnswer => {
    const view = connectionView(connection, gateway, hostKeyFingerprint)
    return { status: 200, json: view, headers: { etag: etagOf(view) } }
  }
  const showHistory = (history: History): LabAnswer => ({ status: 200, json: historyView(history, stepMs) })

  const connect = (request: RoutedRequest): LabAnswer =>
    withStruct(request, 'CreateInstanceConsoleConnectionDetails', (fields) =>
      tokens.connection.once(request, {
        again: showConnection,
        first(remember) {
          const instance = instances.find(String(fields['instanceId']))
          if (instance === undefined) return notFound
          if (stateOf(instance.device).startsWith('TERM')) return incorrectState(instance, 'be connected to')
          const keyBlob = readRsaKey(String(fields['publicKey']))
          if (keyBlob === undefined) return refuse('InvalidParameter', 'publicKey must be an SSH RSA public key')
          const { open } = connections
          if (open.some(({ instance: { device } }) => device.id === instance.device.id)) {
            return refuse('Conflict', `There is already a console connection for ${instance.device.id}.`)
          }
          if (open.length >= maxConnections) {
            return refuse('LimitExceeded', `The limit of ${maxConnections} console connections has been reached.`)
          }
          const { freeformTags = {}, definedTags = {} } = fields
          const becomes = request.plight === undefined ? 'ACTIVE' : request.plight === 'fails' ? 'FAILED' : 'CREATING'
          const connection = connections.create({ instance, keyBlob, freeformTags, definedTags }, becomes)
          remember(connection)
          return showConnection(connection)
        },
      }),
    )

  const withConnection = (
    { parameters: [id = ''] }: RoutedRequest,
    answer: (connection: ConsoleConnection) => LabAnswer,
  ) => {
    const connection = connections.find(id)
    return connection === undefined ? notFound : answer(connection)
  }

  const disconnect = (request: RoutedRequest): LabAnswer =>
    withConnection(request, (connection) => {
      if (connection.state === 'DELETED') return notFound
      if (connection.state === 'DELETING') return refuse('IncorrectState', 'The console connection is DELETING.')
      connections.delete(connection)
      return { status: 204 }
    })

  const change = (request: RoutedRequest): LabAnswer =>
    withConnection(request, (connection) =>
      withStruct(request, 'UpdateInstanceConsoleConnectionDetails', ({ freeformTags, definedTags }) => {
        connection.freeformTags = freeformTags ?? connection.freeformTags
        connection.definedTags = definedTags ?? connection.definedTags
        return showConnection(connection)
      }),
    )

  const listOf =
    (struct: string, views: () => Record<string, unknown>[]) =>
    (request: RoutedRequest): LabAnswer =>
      requireQuery(request, struct, () => {
        const { query } = request
        if (!isCompartment(query.get('compartmentId'), account)) return notFound
        const fields = ['compartmentId', 'instanceId', 'availabilityDomain', 'lifecycleState']
        return answerPage(sortViews(filterViews(views(), query, fields), query), query)
      })
  const connectionViews = () =>
    connections.list().map((connection) => connectionView(connection, gateway, hostKeyFingerprint))

  const capture = (request: RoutedRequest): LabAnswer =>
    withStruct(request, 'CaptureConsoleHistoryDetails', (fields) =>
      tokens.history.once(request, {
        again: showHistory,
        first(remember) {
          const instance = instances.find(String(fields['instanceId']))
          if (instance === undefined) return notFound
          const memory = instances.devices.find(instance.device.id)?.chassis.memory
          if (memory === undefined) return incorrectState(instance, 'be captured')
          const history = captureHistory(instance, memory.recent, fields)
          histories.set(history.id, history)
          remember(history)
          return showHistory(history)
        },
      }),
    )

  const withHistory = ({ parameters: [id = ''] }: RoutedRequest, answer: (history: History) => LabAnswer) => {
    const history = histories.get(id)
    return history === undefined ? notFound : answer(history)
  }

  const readData = (request: RoutedRequest): LabAnswer =>
    withHistory(request, (history) => {
      if (historyState(history, stepMs) !== 'SUCCEEDED') {
        return refuse('IncorrectState', 'The console history has not been captured yet.')
      }
      const offset = Number(request.query.get('offset') ?? 0)
      const length = Number(request.query.get('length') ?? defaultHistoryBytes)
      if (!Number.isInteger(offset) || offset < 0) return refuse('InvalidParameter', 'offset must be a number from 0')
      if (!Number.isInteger(length) || length < 1 || length > maxHistoryBytes) {
        return refuse('InvalidParameter', `length must be a number from 1 to ${maxHistoryBytes}`)
      }
      const { bytes } = history
      return {
        status: 200,
        text: bytes.subarray(offset, offset + length).toString('utf8'),
        headers: { 'opc-bytes-remaining': String(Math.max(0, bytes.length - offset - length)) },
      }
    })

  const forget = (request: RoutedRequest): LabAnswer =>
    withHistory(request, ({ id }) => {
      histories.delete(id)
      return { status: 204 }
    })

  return [
    ['POST /instanceConsoleConnections', connect],
    ['GET /instanceConsoleConnections', listOf('ListInstanceConsoleConnectionsRequest', connectionViews)],
    ['GET /instanceConsoleConnections/{id}', (request) => withConnection(request, showConnection)],
    ['PUT /instanceConsoleConnections/{id}', change],
    ['DELETE /instanceConsoleConnections/{id}', disconnect],
    ['POST /instanceConsoleHistories', capture],
    [
      'GET /instanceConsoleHistories',
      listOf('ListConsoleHistoriesRequest', () =>
        [...histories.values()].map((history) => historyView(history, stepMs)),
      ),
    ],
    ['GET /instanceConsoleHistories/{id}', (request) => withHistory(request, showHistory)],
    ['GET /instanceConsoleHistories/{id}/data', readData],
    ['DELETE /instanceConsoleHistories/{id}', forget],
  ]
}
