// The servers of the face of Oracle Cloud: the API and the console gateway, over the same instances.
import { randomUUID } from 'node:crypto'
import ssh2 from 'ssh2'
import type { Devices } from '../cloud/life/devices.ts'
import type { ConsoleParts, FaceParts, FaceServers } from '../face/face.ts'
import { playFaults } from '../faults/fault-layer.ts'
import type { LabAnswer } from '../web/answer.ts'
import { limitRate } from '../web/rate-limit.ts'
import type { ApiRequest, Handler } from '../web/request.ts'
import { createRouter } from '../web/router.ts'
import { type Account, loadAccount } from './account/account.ts'
import { refuseSignature } from './account/signature.ts'
import { Connections, sshFingerprint } from './console/connections.ts'
import { startGateway } from './console/gateway.ts'
import { ociFaults } from './faults.ts'
import { Instances } from './compute/instances.ts'
import { notAuthenticated, notFound, refuse } from './wire/refusal.ts'
import { consoleRoutes } from './routes/console.ts'
import { instanceRoutes } from './routes/instance.ts'
import { networkRoutes } from './routes/network.ts'
import { stockRoutes } from './routes/stock.ts'
import { workRequestRoutes } from './routes/work-request.ts'

const versionPrefix = '/20160918'

/** How long a lab at the real pace keeps a console locked whose client was lost; at the other paces it is this many steps. */
const realLockoutMs = 5 * 60_000
const lockoutSteps = 40

/** What the API and the gateway of one lab share. */
interface Shared {
  instances: Instances
  connections: Connections
}

const shared = new WeakMap<Devices, Shared>()

function shareOf({ cloud, devices, pace }: Pick<FaceParts, 'cloud' | 'devices' | 'pace'>): Shared {
  const present = shared.get(devices)
  if (present !== undefined) return present
  const instances = new Instances(cloud, devices)
  const own = { instances, connections: new Connections(instances, Math.max(pace.stepMs, 50)) }
  shared.set(devices, own)
  return own
}

/** Lets signed requests through, and gives every answer a request id. */
function authenticated(
  account: Account,
  next: Handler<LabAnswer>,
  onRefusal: (why: string, request: ApiRequest) => void,
): Handler<LabAnswer> {
  return async (request) => {
    const own = request.headers['opc-request-id']
    const id = `${typeof own === 'string' && /^[\w./-]{1,128}$/.test(own) ? `${own}/` : ''}${randomUUID().replaceAll('-', '').toUpperCase()}`
    const why = refuseSignature(request, account, Date.now())
    if (why !== undefined) onRefusal(why, request)
    const answer = why === undefined ? await next(request) : notAuthenticated
    return { ...answer, headers: { 'opc-request-id': id, ...answer.headers } }
  }
}

/** The API in the words of Oracle's errors, where a router answers in its own. */
function inOwnWords(next: Handler<LabAnswer>): Handler<LabAnswer> {
  return async (request) => {
    if (!request.path.startsWith(`${versionPrefix}/`)) return notFound
    const answer = await next({ ...request, path: request.path.slice(versionPrefix.length) })
    const isOwn = answer.status < 400 || answer.text !== undefined || answer.mishap !== undefined
    const { json } = answer
    if (isOwn || (typeof json === 'object' && json !== null && 'code' in json)) return answer
    return answer.status === 405
      ? refuse('MethodNotAllowed', 'The method is not allowed for this path.', answer.headers)
      : answer.status === 429
        ? refuse('TooManyRequests', 'Too many requests for the user.', answer.headers)
        : notFound
  }
}

function createOciApi(parts: FaceParts): Handler<LabAnswer> {
  const { contact, keys, faults, rateLimit, stateFolder, pace, report } = parts
  const { instances, connections } = shareOf(parts)
  const account = loadAccount(stateFolder)
  const hostKey = ssh2.utils.parseKey(keys.hostKey)
  if (hostKey instanceof Error) throw hostKey
  const api = account.then((known) => {
    const routeParts = { account: known, instances }
    const routes = createRouter([
      ...instanceRoutes(routeParts),
      ...networkRoutes(routeParts),
      ...stockRoutes(routeParts),
      ...workRequestRoutes(routeParts),
      ...consoleRoutes({
        ...routeParts,
        connections,
        gateway: contact.sos,
        hostKeyFingerprint: sshFingerprint(hostKey.getPublicSSH()),
        stepMs: pace.stepMs,
      }),
    ])
    const handle = inOwnWords(limitRate(rateLimit, playFaults(ociFaults, faults, routes)))
    return authenticated(known, handle, (why, { method, path }) => report.debug(`lab: ${method} ${path}: ${why}`))
  })
  api.catch(() => {})
  return async (request) => await (await api)(request)
}

/** The API, and the console gateway. */
export const ociServers: FaceServers = {
  createApi: createOciApi,
  async startConsoles(parts: ConsoleParts, door) {
    const { keys, faults, report, pace } = parts
    const { connections } = shareOf(parts)
    const lockoutMs = pace.stepMs >= 1000 ? realLockoutMs : lockoutSteps * Math.max(pace.stepMs, 50)
    const gateway = startGateway({ connections, hostKey: keys.hostKey, faults, lockoutMs, report }, door)
    return {
      async [Symbol.asyncDispose]() {
        connections[Symbol.dispose]()
        await gateway[Symbol.asyncDispose]()
      },
    }
  },
}
