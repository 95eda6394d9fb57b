// Everything a lab acquires before its servers are loaded: keys, ports and its saved state. A lab that cannot start fails here,
// so that a command can start while the rest loads. This file imports neither ssh2 nor zod, which take longer to load than all of it.
import { join } from 'node:path'

import type { Address } from '../address.ts'
import { LabError } from '../errors.ts'
import { openFilesHint, openFilesProblem } from '../files/open-files.ts'
import { Resources } from '../resources.ts'
import { measureComputer, plenty } from './cloud/capacity.ts'
import { type Cloud, type CloudSettings, createCloud } from './cloud/cloud.ts'
import type { Device } from './cloud/device.ts'
import { nounOf } from './cloud/inventory.ts'
import { labCatalogue } from './cloud/lab-catalogue.ts'
import type { LabParts } from './lab.ts'
import { Origins, reachableHost } from './origins.ts'
import { type Door, openDoor } from './sos/door.ts'
import { type LabKeys, loadLabKeys } from './sos/ssh-keys.ts'
import { prepareStateFolder } from './storage/state-folder.ts'
import type { LabTls } from './tls/lab-tls.ts'
import { type LabAnswer, refuse } from './web/answer.ts'
import { type ApiRequest, type Handler, isForMachines, isSecure } from './web/request.ts'
import { type ApiServer, startApiServer, type Upgrade } from './web/server.ts'

/** The addresses and secrets that clients need to use a lab. */
export interface LabContact {
  /** The value for METAL_API_URL, `http://127.0.0.1:7070/metal/v1`. */
  apiUrl: string
  sos: Address
  token: string
  projectId: string
  /** The private key that opens the consoles. */
  userKeyPath: string
  /** A known_hosts file with the SOS's host key. */
  knownHostsPath: string
  /** The variables that make clients trust its certificate; {} without TLS. */
  trust: Record<string, string>
}

/** The handlers for the server's requests and its page's connections. */
export interface LabFace {
  handle: Handler<LabAnswer>
  upgrade?: Upgrade | undefined
}

/** The acquired resources of a lab. Requests and connections wait until it serves them. */
export interface LabGround extends AsyncDisposable {
  contact: LabContact
  keys: LabKeys
  cloud: Cloud
  /** The devices of an earlier lab. */
  savedDevices: readonly Device[]
  origins: Origins
  isIsolated: boolean
  api: ApiServer
  sosDoor: Door
  /** Starts to answer requests, including those that are waiting. */
  answerWith(face: LabFace): void
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
  tls: LabTls | undefined,
): Promise<Pick<LabGround, 'api' | 'answerWith'>> {
  const noun = nounOf({ inventory })
  let setFace: ((face: LabFace) => void) | undefined
  const face = new Promise<LabFace>((resolve) => {
    setFace = resolve
  })
  const upgrade: Upgrade = (message, socket, head) => {
    socket.on('error', () => {})
    if (tls !== undefined && !isSecure(message)) socket.destroy()
    else void face.then(({ upgrade: pass }) => pass?.(message, socket, head))
  }
  const handle: Handler<LabAnswer> = async (request) => await (await face).handle(request)
  const secured: Handler<LabAnswer> = (request) =>
    needsTls(request) ? refuse(400, `This ${noun} speaks TLS: use https://`) : handle(request)
  const api = await startApiServer(listen, tls === undefined ? handle : secured, report, {
    onUpgrade: pageFolder === undefined ? undefined : upgrade,
    contextFor: tls?.contextFor,
    noun,
  })
  return { api, answerWith: (answering) => setFace?.(answering) }
}

/**
 * Acquires keys, ports and saved state.
 * @throws LabError if it cannot listen or store its keys, or if its saved state is damaged
 */
export async function takeGround(parts: LabParts): Promise<LabGround> {
  const problem = openFilesProblem()
  if (problem !== undefined) throw new LabError(problem, { hint: openFilesHint })
  const { driver } = parts
  const sosHost = reachableHost(parts.sosListen.host)
  await prepareStateFolder(parts.stateFolder)
  const keys = await loadLabKeys(parts.stateFolder, [sosHost])
  const settings: CloudSettings = {
    facilities: parts.facilities ?? false,
    catalogue: parts.catalogue ?? labCatalogue,
    inventory: parts.inventory,
    capacity: parts.capacity ?? (driver.kind === 'qemu' ? measureComputer() : plenty),
  }
  const { cloud, devices } = await openCloud(parts.cloudFile, sosHost, settings)
  const isIsolated = parts.isolate === true && driver.kind === 'qemu'
  const tls = await prepareTls(parts)
  const origins = new Origins(parts.listen.host, driver.kind, isIsolated, tls !== undefined, parts.machineOrigin)
  await using acquired = new Resources()
  const sosDoor = acquired.use(await openDoor(parts.sosListen))
  const { api, answerWith } = await openApi(parts, tls)
  acquired.use(api)
  origins.setPort(api.port)
  const owned = acquired.keep()
  return {
    contact: {
      apiUrl: `${origins.ofApi}/metal/v1`,
      sos: { host: sosHost, port: sosDoor.address.port },
      token: cloud.token,
      projectId: cloud.projectId,
      userKeyPath: keys.userKeyPath,
      knownHostsPath: keys.knownHostsPath,
      trust: tls?.variables ?? {},
    },
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
