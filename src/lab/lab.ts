// Assembles the local cloud: API, boot server, devices, machines and their consoles.
import type { Address } from '../address.ts'
import { messageOf } from '../errors.ts'
import type { Reporter } from '../io.ts'
import { Resources } from '../resources.ts'
import type { LabAnswer } from './web/answer.ts'
import { createHandler } from './handler.ts'
import type { ScriptRelay } from './api/routes/machine.ts'
import { generousLimit, type RateLimit } from './web/rate-limit.ts'
import type { Handler } from './web/request.ts'
import type { Capacity } from './cloud/capacity.ts'
import type { Catalogue } from './cloud/catalogue.ts'
import { type Inventory, nounOf } from './cloud/inventory.ts'
import { type Cloud, listDevices } from './cloud/cloud.ts'
import { CloudStore } from './cloud/saved/cloud-store.ts'
import type { Device } from './cloud/device.ts'
import type { CloudWords } from './cloud/words.ts'
import { type Fault, FaultPlan, type Later } from './faults/faults.ts'
import { createKeyRecord } from './cloud/account/key-record.ts'
import type { Face } from './face/face.ts'
import { type LabAccess, type LabGround, takeGround } from './ground.ts'
import { Devices } from './cloud/life/devices.ts'
import { fetchScript, passagesOf } from './machines/qemu/isolation.ts'
import type { MachineDriver } from './machines/driver.ts'
import { type Pace, quickPace } from './cloud/pace.ts'
import { withPage } from './page/page-routes.ts'
import { createPageServer } from './page/page-server.ts'
import type { TlsChoice } from './tls/lab-tls.ts'
import type { Route } from './web/router.ts'
import { startUpkeep } from './cloud/life/upkeep.ts'

/** A running lab. Disposing it switches all machines off, closes everything, and waits until both are done. */
export interface Lab extends LabAccess, AsyncDisposable {
  machines: MachineDriver['kind']
  words: CloudWords
  /** The faults that it plays. */
  faults: FaultPlan
  /** Its devices, oldest first. */
  devices(): readonly Device[]
  /** Answers a request, for a server besides its own. */
  handle: Handler<LabAnswer>
}

/** The parts of a lab. */
export interface LabParts {
  /** The cloud that it is; by default Equinix Metal. */
  face?: Face | undefined
  listen: Address
  sosListen: Address
  driver: MachineDriver
  /** The folder of the lab's keys; created if it is missing. */
  stateFolder: string
  /** The name that commands use for it; undefined for the lab of one command. */
  name?: string | undefined
  /** The file that keeps devices, keys and events across restarts, for one lab at a time; without it the state ends with the lab. */
  cloudFile?: string | undefined
  pace?: Pace | undefined
  /** Whether QEMU's machines can reach only the lab and the server of their boot files. */
  isolate?: boolean
  /** Whether a create request may name a facility; by default it may not, as on the service since 2023. */
  facilities?: boolean
  /** The memory and processors that machines may use; by default most of this computer's, or plenty if machines are simulated. */
  capacity?: Capacity
  /** What it offers; by default the service's plans in sizes that suit one computer. */
  catalogue?: Catalogue | undefined
  /** The machines of a cloud of hardware; without it machines are made as the memory allows. */
  inventory?: Inventory | undefined
  /** The origin of boot URLs as machines see it, `http://192.168.1.10:7070`; by default that of the API. */
  machineOrigin?: string | undefined
  /** Whether clients are told that nothing costs money here; by default they are. */
  isLab?: boolean
  /** Gives machines their scripts in another form. */
  relay?: ScriptRelay
  /** More routes for machines: paths under /boot/mac and /ipxe. They need no token, and no TLS. */
  routes?: readonly Route[]
  /** More routes for the commands of this program, under /lab. They need a token. */
  controlRoutes?: readonly Route[]
  rateLimit?: RateLimit
  /** With it the API, the page and the metadata service speak TLS. */
  tls?: TlsChoice | undefined
  /** Faults to play from the start. */
  faults?: readonly Fault[] | undefined
  /** When a fault carries a request out after its answer; tests use the time of their run. */
  later?: Later | undefined
  /** The folder of the page's files; without it there is no page. */
  pageFolder?: string | undefined
  report: Reporter
  /** Aborted when the end of the lab may no longer wait for its machines. */
  forced?: AbortSignal | undefined
}

/** Adds the key that opens the consoles to the user's keys. */
function addUserKey(cloud: Cloud, line: string, isLab: boolean): void {
  const label = isLab ? 'metalkit lab' : 'metalkit rack'
  const key = createKeyRecord(undefined, line, label, [], cloud.settings.createId('key'))
  const isKnown = [...cloud.keys.values()].some(({ fingerprint }) => fingerprint === key?.fingerprint)
  if (key !== undefined && !isKnown) cloud.keys.set(key.id, key)
}

/** Delays the answer to each change until the change is on disk. If new devices cannot be saved, they are removed and the create fails. */
function savingChanges(
  store: CloudStore | undefined,
  cloud: Cloud,
  devices: Devices,
  refuse: Face['refuse'],
  next: Handler<LabAnswer>,
): Handler<LabAnswer> {
  if (store === undefined) return next
  return async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return await next(request)
    const before = new Set(cloud.devices.keys())
    const answer = await next(request)
    try {
      await store.save()
      return answer
    } catch (error) {
      const created = listDevices(cloud).filter(({ id }) => !before.has(id))
      for (const device of created) devices.remove(device)
      return created.length === 0 ? answer : refuse(500, `The ${nounOf(cloud.settings)} ${messageOf(error)}`)
    }
  }
}

/**
 * Starts a lab. It owns the resources in `ground`, or acquires them itself.
 * @throws LabError if it cannot listen or store its keys
 */
export async function startLab(parts: LabParts, ground?: LabGround): Promise<Lab> {
  const { driver, report } = parts
  await using acquired = new Resources()
  const base = acquired.use(ground ?? (await takeGround(parts)))
  const { face, keys, cloud, savedDevices, origins, isIsolated } = base
  addUserKey(cloud, keys.userPublicKey, parts.isLab ?? true)

  const { pace: ownPace = quickPace } = parts
  const pace = face.keepsFailed ? { ...ownPace, failedMs: Number.POSITIVE_INFINITY } : ownPace
  const bootUrlOf = (device: Device) => `${origins.ofMachines}/boot/${device.bootKey}`
  const store = parts.cloudFile === undefined ? undefined : acquired.use(new CloudStore(parts.cloudFile, cloud, report))
  const noun = nounOf(parts)
  const devices = new Devices(cloud, {
    noun,
    passagesOf: isIsolated ? (device) => passagesOf(device, origins.lab) : undefined,
    driver,
    pace,
    bootUrlOf: (device) => `${bootUrlOf(device)}/auto.ipxe`,
    report,
    onChange: () => store?.touch(),
    saved: store && (() => store.save()),
    forced: parts.forced,
  })
  const faults = new FaultPlan(parts.faults, parts.later)
  const servers = await face.load()

  // Disposal runs in reverse: first no new requests, then the machines, which ends their sessions, then the consoles, and last the store.
  acquired.use(await servers.startConsoles({ cloud, devices, pace, keys, faults, report }, base.sosDoor))
  acquired.use(devices)
  // Before anything else may fail or be answered: what is saved from here on has these devices.
  for (const device of savedDevices) devices.restore(device)
  const isolating: ScriptRelay = { isFor: () => true, fetch: (device) => fetchScript(device, origins.lab) }
  const handler = createHandler({
    face,
    servers,
    contact: base.contact,
    pace,
    report,
    keys,
    stateFolder: parts.stateFolder,
    relay: isIsolated ? isolating : parts.relay,
    cloud,
    devices,
    bootUrlOf,
    faults,
    rateLimit: parts.rateLimit ?? generousLimit,
    isLab: parts.isLab,
    moreRoutes: parts.routes,
    moreControlRoutes: parts.controlRoutes,
  })
  const handle = savingChanges(store, cloud, devices, face.refuse, handler)
  const { pageFolder } = parts
  const page = pageFolder === undefined ? undefined : createPageServer({ cloud, devices, words: face.words, bootUrlOf })
  const answer = pageFolder === undefined ? handle : withPage(pageFolder, { noun, face, name: parts.name }, handle)
  acquired.use(base.api)
  if (page !== undefined) acquired.use(page)
  await driver.keepOnly?.(savedDevices.map(({ id }) => id))
  base.answerWith({ handle: answer, upgrade: page?.upgrade })
  void driver.prepare?.()
  acquired.use(startUpkeep({ cloud, devices, pace, report }))
  const owned = acquired.keep()

  return {
    ...base.contact,
    machines: driver.kind,
    words: face.words,
    faults,
    devices: () => listDevices(cloud),
    handle,
    [Symbol.asyncDispose]: async () => await owned[Symbol.asyncDispose](),
  }
}
