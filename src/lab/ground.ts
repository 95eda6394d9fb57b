// Everything a lab acquires before its servers are loaded: keys, ports and its saved state. A lab that cannot start fails here,
// so that a command can start while the rest loads. This file imports neither ssh2 nor zod, which take longer to load than all of it.
import { join } from 'node:path'

import { LabError } from '../errors.ts'
import { checkOpenFiles } from '../files/open-files.ts'
import { Resources } from '../resources.ts'
import { measureComputer, plenty } from './cloud/capacity.ts'
import { type Cloud, type CloudSettings, createCloud } from './cloud/cloud.ts'
import type { Device } from './cloud/device.ts'
import { nounOf } from './cloud/inventory.ts'
import { equinixMetal } from './api/face.ts'
import type { Face, LabContact } from './face/face.ts'
import type { LabParts } from './lab.ts'
import { Origins, reachableHost } from './origins.ts'
import { type Door, openDoor } from './sos/door.ts'
import { type LabKeys, loadLabKeys } from './sos/ssh-keys.ts'
import { prepareStateFolder } from './storage/state-folder.ts'
import type { LabTls } from './tls/lab-tls.ts'
import { type LabAnswer, refuse } from './web/answer.ts'
import { type ApiRequest, type Handler, isForMachines, isSecure } from './web/request.ts'
import { type ApiServer, startApiServer, type Upgrade } from './web/server.ts'

/** The addresses, secrets and variables of a lab. */
export interface LabAccess extends LabContact {
  /** The variables by which the cloud's clients find it. */
  environment: Record<string, string>
}

/** The handlers for the server's requests and its page's connections. */
export interface LabHandlers {
  handle: Handler<LabAnswer>
  upgrade?: Upgrade | undefined
}

/** The acquired resources of a lab. Requests and connections wait until it serves them. */
export interface LabGround extends AsyncDisposable {
  face: Face
  contact: LabAccess
  keys: LabKeys
  cloud: Cloud
  /** The devices of an earlier lab. */
  savedDevices: readonly Device[]
  origins: Origins
  isIsolated: boolean
  api: ApiServer
  sosDoor: Door
  /** Starts to answer requests, including those that are waiting. */
  answerWith(handlers: LabHandlers): void
}

async function openCloud(
  cloudFile: string | undefined,
  sosHost: string,
  settings: CloudSettings,
): Promise<{ cloud: Cloud; devices: readonly Device[] }> {
  const fresh = () => ({ cloud: createCloud(sosHost, settings), devices: [] })
  if (cloudFile === undefined) return fresh()
  const { readSavedCloud } = await import('./cloud/saved/cloud-store.ts')
  const { loadCloud } = await import('./cloud/saved/saved-cloud.ts')
  const saved = await readSavedCloud(cloudFile, settings)
  return saved === undefined ? fresh() : loadCloud(saved, sosHost, settings)
}

/** Machines fetch over plain HTTP even from a lab that speaks TLS; tokens are not sent over it. */
function needsTls(request: ApiRequest): boolean {
  return !request.isSecure && !isForMachines(request)
}

/** Prepares TLS if the lab is to speak it. */
async function prepareTls({ tls, listen, stateFolder }: LabParts): Promise<LabTls | undefined> {
  if (tls === undefined) return undefined
  const { openTls } = await import('./tls/lab-tls.ts')
  return await openTls(tls, listen.host, reachableHost(listen.host), join(stateFolder, 'tls'))
}

async function openApi(
  { listen, report, pageFolder, inventory }: LabParts,
  face: Face,
  tls: LabTls | undefined,
): Promise<Pick<LabGround, 'api' | 'answerWith'>> {
  const noun = nounOf({ inventory })
  let setHandlers: ((handlers: LabHandlers) => void) | undefined
  const handlers = new Promise<LabHandlers>((resolve) => {
    setHandlers = resolve
  })
  const upgrade: Upgrade = (message, socket, head) => {
    socket.on('error', () => {})
    if (tls !== undefined && !isSecure(message)) socket.destroy()
    else void handlers.then(({ upgrade: pass }) => pass?.(message, socket, head))
  }
  const handle: Handler<LabAnswer> = async (request) => await (await handlers).handle(request)
  const secured: Handler<LabAnswer> = (request) =>
    needsTls(request) ? refuse(400, `This ${noun} speaks TLS: use https://`) : handle(request)
  const api = await startApiServer(listen, tls === undefined ? handle : secured, report, {
    onUpgrade: pageFolder === undefined ? undefined : upgrade,
    contextFor: tls?.contextFor,
    noun,
    refuse: face.refuse,
  })
  return { api, answerWith: (answering) => setHandlers?.(answering) }
}

/**
 * Acquires keys, ports and saved state.
 * @throws LabError if it cannot listen or store its keys, or if its saved state is damaged
 */
export async function takeGround(parts: LabParts): Promise<LabGround> {
  checkOpenFiles(LabError)
  const { driver, face = equinixMetal, stateFolder } = parts
  const sosHost = reachableHost(parts.sosListen.host)
  await prepareStateFolder(stateFolder)
  const keys = await loadLabKeys(stateFolder, [sosHost])
  const settings: CloudSettings = {
    face: face.name,
    createId: (kind) => face.createId(kind),
    facilities: parts.facilities ?? false,
    catalogue: parts.catalogue ?? face.catalogue,
    inventory: parts.inventory,
    capacity: parts.capacity ?? (driver.kind === 'qemu' ? measureComputer() : plenty),
  }
  const { cloud, devices } = await openCloud(parts.cloudFile, sosHost, settings)
  const isIsolated = parts.isolate === true && driver.kind === 'qemu'
  const tls = await prepareTls(parts)
  const origins = new Origins(parts.listen.host, driver.kind, isIsolated, tls !== undefined, parts.machineOrigin)
  await using acquired = new Resources()
  const sosDoor = acquired.use(await openDoor(parts.sosListen))
  const { api, answerWith } = await openApi(parts, face, tls)
  acquired.use(api)
  origins.setPort(api.port)
  const contact: LabContact = {
    origin: origins.ofApi,
    apiUrl: `${origins.ofApi}${face.apiPath}`,
    sos: { host: sosHost, port: sosDoor.address.port },
    token: cloud.token,
    projectId: cloud.projectId,
    userKeyPath: keys.userKeyPath,
    knownHostsPath: keys.knownHostsPath,
    trust: tls?.variables ?? {},
  }
  const environment = await face.environment({ contact, cloud, keys, stateFolder })
  const owned = acquired.keep()
  return {
    face,
    contact: { ...contact, environment },
    keys,
    cloud,
    savedDevices: devices,
    origins,
    isIsolated,
    api,
    sosDoor,
    answerWith,
    [Symbol.asyncDispose]: async () => await owned[Symbol.asyncDispose](),
  }
}
