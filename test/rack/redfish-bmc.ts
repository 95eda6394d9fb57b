// A BMC with Redfish for tests, and the vices of real ones, each named for what it does. redfish-clients.test.ts holds it to what
// other people's clients accept; docs/rack.md says where each vice was met.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { close, listen } from '../helpers/port.ts'
import { MediaSlots, type MediaVices } from './redfish-media.ts'

/** What is wrong with it. */
export interface Vices extends MediaVices {
  /** It answers 204 to Once and has Continuous (sushy-emulator). */
  onceBecomesContinuous?: boolean
  /** Power changes after that time; meanwhile it shows PoweringOn or PoweringOff, or still the old state. */
  powerTakesMs?: number
  showsTransitions?: boolean
  /** It answers 204 to a power request and does nothing. */
  ignoresPower?: boolean
  /** Without a mode it stores Legacy and Disabled (Supermicro). */
  needsMode?: boolean
  /** It shows no mode and refuses one (HPE DL160 Gen10). */
  refusesMode?: boolean
  /** The boot override is in a resource apart, and wants If-Match (AMI, ASRock). */
  settingsApart?: boolean
  /** It sends weak ETags and refuses them (sushy). */
  refusesWeakEtags?: boolean
  /** It refuses that many changes, because it is in its self-test (HPE). */
  inSelfTest?: number
  /** It answers 409 to that many requests to switch on (iDRAC10). */
  conflictsAtOn?: number
  /** It refuses an Enabled that is already so. */
  refusesSameEnabled?: boolean
  /** It ends an override only with the mode (community.general#11542). */
  disablingNeedsMode?: boolean
  /** It accepts an override and keeps none (iDRAC9). */
  forgetsBoot?: boolean
  /** Reset types are in a resource of their own. */
  actionInfo?: boolean
  resetTypes?: string[]
  targets?: string[]
  /** Whose it is. */
  manufacturer?: string
  /** It has more systems than one. */
  systems?: string[]
  /** It sends a body without end. */
  endless?: boolean
  /** It shows this instead of any resource but its root. */
  shows?: string
  /** It accepts the connection and never answers. */
  silent?: boolean
  /** Its links lead to another server. */
  strayLinks?: string
}

/** A request as it came. */
export interface Seen {
  method: string
  path: string
  authorization: string | undefined
  body: unknown
}

export const bmcUser = 'admin'
export const bmcPassword = 'Hush-Hush-4711'
export const bmcUuid = '4c4c4544-0042-3510-8052-b4c04f4d3732'

/** A BMC that listens. */
export interface RedfishBmc extends AsyncDisposable {
  url: string
  port: number
  certificateFile: string
  /** SHA-256 of its certificate. */
  fingerprint: string
  vices: Vices
  seen: Seen[]
  power: string
  boot: Record<string, string>
  sessions: Set<string>
  /** Its slots for virtual media. */
  media: MediaSlots
}

/** The machine that it switches; without one it only remembers. */
export interface SwitchedMachine {
  readonly isOn: boolean
  boot: string
  /** The URL of the image in its drive. */
  disc?: string | undefined
  switchOn(): void
  cut(): Promise<void>
  reset(): void
}

/** What stands behind it, and a socket to listen at instead of a port. */
interface Surroundings {
  machine?: SwitchedMachine
  socket?: string
  /** Called before each change takes effect and after, as `before POST /redfish/v1/...`. */
  onChange?: (step: string) => Promise<void>
}

/** A self-signed certificate in a folder. */
export function makeCertificate(folder: string, name: string): { key: string; cert: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=idrac']
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  return { key, cert }
}

interface Reply {
  status: number
  json?: unknown
  headers?: Record<string, string>
}

/** A refusal; like real ones it quotes what it refuses. */
function refuse(status: number, id: string, quoted: unknown = ''): Reply {
  const Message = `The request ${JSON.stringify(quoted)} is refused.`
  const info = [
    { '@odata.type': '#Message.v1_1_1.Message', MessageId: `Base.1.8.${id}`, Message, Severity: 'Critical' },
  ]
  return { status, json: { error: { code: 'Base.1.8.GeneralError', message: Message, '@Message.ExtendedInfo': info } } }
}

const at = (id: string, more: Record<string, unknown> = {}) => ({ '@odata.id': id, ...more })

function textIn(body: unknown, name: string): string {
  return String(Reflect.get(Object(body), name))
}

class State implements Pick<RedfishBmc, 'vices' | 'seen' | 'power' | 'boot' | 'sessions' | 'media'> {
  readonly vices: Vices
  readonly seen: Seen[] = []
  readonly sessions = new Set<string>()
  readonly media: MediaSlots
  readonly #machine: SwitchedMachine | undefined
  #power = 'Off'
  boot: Record<string, string> = {
    BootSourceOverrideTarget: 'None',
    BootSourceOverrideEnabled: 'Disabled',
    BootSourceOverrideMode: 'UEFI',
  }
  #etag = 1
  #timer: NodeJS.Timeout | undefined

  constructor(vices: Vices, machine: SwitchedMachine | undefined) {
    this.vices = vices
    this.#machine = machine
    this.media = new MediaSlots(vices, refuse, (image) => {
      if (machine !== undefined) machine.disc = image
    })
  }

  get power(): string {
    return this.#machine === undefined ? this.#power : this.#machine.isOn ? 'On' : 'Off'
  }

  set power(state: string) {
    this.#power = state
  }

  /** Passes a power request on. */
  async #switch(type: string): Promise<void> {
    const machine = this.#machine
    if (machine === undefined) return
    const { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: target = '' } = this.boot
    if (!/Restart|On$/.test(type)) return await machine.cut()
    if (machine.isOn) return machine.reset()
    const source = /^(Pxe|UefiHttp)$/.test(target) ? 'pxe' : target.endsWith('Cd') ? 'cd' : 'none'
    machine.boot = enabled === 'Disabled' ? 'none' : source
    if (enabled === 'Once') this.boot = { ...this.boot, BootSourceOverrideEnabled: 'Disabled' }
    machine.switchOn()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  get etag(): string {
    return `${this.vices.refusesWeakEtags === true ? 'W/' : ''}"${this.#etag}"`
  }

  get #systems(): string[] {
    return this.vices.systems ?? ['1']
  }

  #list(path: string, type: string, members: string[]): Reply {
    const Members = members.map((id) => at(`${path}/${id}`))
    const json = at(path, {
      '@odata.type': `#${type}.${type}`,
      Name: type,
      Members,
      'Members@odata.count': Members.length,
    })
    return { status: 200, json }
  }

  #shownBoot(): Record<string, unknown> {
    const { BootSourceOverrideMode: mode = '', ...rest } = this.boot
    const targets = this.vices.targets ?? ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp']
    return {
      ...rest,
      'BootSourceOverrideTarget@Redfish.AllowableValues': targets,
      ...(this.vices.refusesMode === true
        ? {}
        : { BootSourceOverrideMode: mode, 'BootSourceOverrideMode@Redfish.AllowableValues': ['Legacy', 'UEFI'] }),
    }
  }

  #system(path: string): Reply {
    const types = this.vices.resetTypes ?? [
      'On',
      'ForceOff',
      'GracefulShutdown',
      'GracefulRestart',
      'ForceRestart',
      'PushPowerButton',
    ]
    const target = `${this.vices.strayLinks ?? ''}${path}/Actions/ComputerSystem.Reset`
    const id = path.split('/').at(-1)
    const json = at(path, {
      '@odata.type': '#ComputerSystem.v1_13_0.ComputerSystem',
      '@odata.context': '/redfish/v1/$metadata#ComputerSystem.ComputerSystem',
      '@odata.etag': this.etag,
      Id: id,
      Name: `System ${id}`,
      SystemType: 'Physical',
      UUID: bmcUuid.toUpperCase(),
      Manufacturer: this.vices.manufacturer ?? 'Acme',
      AssetTag: null,
      SerialNumber: null,
      Status: { State: 'Enabled', Health: 'OK' },
      PowerState: this.power,
      Boot: this.#shownBoot(),
      EthernetInterfaces: at(`${path}/EthernetInterfaces`),
      ...(this.vices.slotsUnderSystem === true ? { VirtualMedia: at(`${path}/VirtualMedia`) } : {}),
      Links: { ManagedBy: [at('/redfish/v1/Managers/1')], Chassis: [] },
      Actions: {
        '#ComputerSystem.Reset': {
          target,
          ...(this.vices.actionInfo === true
            ? { '@Redfish.ActionInfo': `${path}/ResetActionInfo` }
            : { 'ResetType@Redfish.AllowableValues': types }),
        },
      },
      ...(this.vices.settingsApart === true ? { '@Redfish.Settings': { SettingsObject: at(`${path}/SD`) } } : {}),
    })
    return { status: 200, json, headers: { etag: this.etag } }
  }

  #manager(path: string): Reply {
    const json = at(path, {
      '@odata.type': '#Manager.v1_5_0.Manager',
      Id: '1',
      Name: 'Manager',
      ManagerType: 'BMC',
      FirmwareVersion: this.vices.hpe === true ? 'iLO 5 v2.78' : '1.0',
      Status: { State: 'Enabled', Health: 'OK' },
      ...(this.vices.slotsUnderSystem === true ? {} : { VirtualMedia: at(`${path}/VirtualMedia`) }),
      Links: { ManagerForServers: this.#systems.map((id) => at(`/redfish/v1/Systems/${id}`)) },
    })
    return { status: 200, json }
  }

  #root(): Reply {
    const base = '/redfish/v1'
    const json = at(`${base}/`, {
      '@odata.type': '#ServiceRoot.v1_5_0.ServiceRoot',
      Id: 'RootService',
      Name: 'Root Service',
      RedfishVersion: '1.6.0',
      UUID: bmcUuid,
      Systems: at(`${base}/Systems`),
      Managers: at(`${base}/Managers`),
      Chassis: at(`${base}/Chassis`),
      SessionService: at(`${base}/SessionService`),
      Registries: at(`${base}/Registries`),
      JsonSchemas: at(`${base}/JsonSchemas`),
      Links: { Sessions: at(`${base}/SessionService/Sessions`) },
      ...(this.vices.hpe === true
        ? { Oem: { Hpe: { Manager: [{ ManagerType: 'iLO 5', ManagerFirmwareVersion: '2.78' }] } } }
        : {}),
    })
    return { status: 200, json }
  }

  #isWelcome(request: IncomingMessage): boolean {
    const { authorization = '', 'x-auth-token': token } = request.headers
    if (typeof token === 'string') return this.sessions.has(token)
    return authorization === `Basic ${Buffer.from(`${bmcUser}:${bmcPassword}`).toString('base64')}`
  }

  answer(request: IncomingMessage, body: unknown): Reply {
    const { method = '', url = '' } = request
    const bare = url.replace(/\?.*/, '').replace(/(.)\/$/, '$1')
    const path = this.vices.hpe === true ? bare.replace(/^\/rest\//, '/redfish/') : bare
    const { authorization } = request.headers
    this.seen.push({ method, path, authorization, body })
    if (path === '/redfish') return { status: 200, json: { v1: '/redfish/v1/' } }
    if (path === '/redfish/v1') return this.#root()
    if (path === '/redfish/v1/SessionService/Sessions' && method === 'POST') return this.#logIn(body)
    if (!this.#isWelcome(request)) return refuse(401, 'NoValidSession')
    const session = /^\/redfish\/v1\/SessionService\/Sessions\/(\w+)$/.exec(path)?.[1]
    if (session !== undefined) return { status: this.sessions.delete(session) ? 204 : 404 }
    switch (path) {
      case '/redfish/v1/Systems':
        return this.#list(path, 'ComputerSystemCollection', this.#systems)
      case '/redfish/v1/Chassis':
        return this.#list(path, 'Collection', [])
      // ilorest looks for them by type.
      case '/redfish/v1/Registries':
        return this.#list(path, 'MessageRegistryFileCollection', [])
      case '/redfish/v1/JsonSchemas':
        return this.#list(path, 'JsonSchemaFileCollection', [])
      case '/redfish/v1/Managers':
        return this.#list(path, 'ManagerCollection', ['1'])
      case '/redfish/v1/Managers/1':
        return this.#manager(path)
      case '/redfish/v1/SessionService':
        return {
          status: 200,
          json: at(path, { Id: 'SessionService', Name: 'Sessions', Sessions: at(`${path}/Sessions`) }),
        }
      default:
    }
    const mediaPath = `/redfish/v1/${this.vices.slotsUnderSystem === true ? 'Systems' : 'Managers'}/1/VirtualMedia`
    if (path === mediaPath) return this.#list(path, 'VirtualMediaCollection', this.media.ids)
    if (path.startsWith(`${mediaPath}/`)) {
      const etag = request.headers['if-match']
      return this.media.answer({ method, list: mediaPath, rest: path.slice(mediaPath.length), etag }, body)
    }
    const [, system, rest = ''] = /^(\/redfish\/v1\/Systems\/[^/]+)(\/.*)?$/.exec(path) ?? []
    if (system === undefined || !this.#systems.includes(system.split('/').at(-1) ?? ''))
      return refuse(404, 'ResourceMissingAtURI')
    if (method === 'GET') return this.#show(system, rest)
    if (method === 'PATCH') return this.#patch(rest, request, body)
    return rest === '/Actions/ComputerSystem.Reset' ? this.#reset(body) : refuse(405, 'OperationNotAllowed')
  }

  #logIn(body: unknown): Reply {
    if (textIn(body, 'UserName') !== bmcUser || textIn(body, 'Password') !== bmcPassword)
      return refuse(401, 'ResourceAtUriUnauthorized', body)
    const token = `token${this.sessions.size + 1}`
    this.sessions.add(token)
    const path = `/redfish/v1/SessionService/Sessions/${token}`
    return {
      status: 201,
      json: at(path, { Id: token, Name: 'Session' }),
      headers: { 'x-auth-token': token, location: path },
    }
  }

  #show(system: string, rest: string): Reply {
    switch (rest) {
      case '':
        return this.#system(system)
      case '/EthernetInterfaces':
        return this.#list(`${system}/EthernetInterfaces`, 'EthernetInterfaceCollection', ['NIC.1'])
      case '/EthernetInterfaces/NIC.1':
        return {
          status: 200,
          json: at(system + rest, {
            Id: 'NIC.1',
            Name: 'NIC',
            Status: { State: 'Enabled', Health: 'OK' },
            MACAddress: '52:54:00:AA:00:01',
            PermanentMACAddress: null,
          }),
        }
      case '/ResetActionInfo':
        return {
          status: 200,
          json: at(system + rest, {
            Id: 'Reset',
            Name: 'Reset',
            Parameters: [{ Name: 'ResetType', AllowableValues: this.vices.resetTypes ?? ['On', 'ForceOff'] }],
          }),
        }
      case '/SD':
        return {
          status: 200,
          json: at(system + rest, { Id: 'SD', Name: 'Next boot', Boot: this.#shownBoot() }),
          headers: { etag: this.etag },
        }
      default:
        return refuse(404, 'ResourceMissingAtURI')
    }
  }

  #patch(rest: string, request: IncomingMessage, body: unknown): Reply {
    const { vices } = this
    const match = request.headers['if-match']
    if (vices.inSelfTest !== undefined && vices.inSelfTest-- > 0) return refuse(400, 'UnableToModifyDuringSystemPOST')
    if (vices.refusesWeakEtags === true && match?.startsWith('W/') === true) return refuse(412, 'PreconditionFailed')
    if (vices.settingsApart === true && rest !== '/SD') return refuse(405, 'OperationNotAllowed')
    if (vices.settingsApart === true && match === undefined) return refuse(428, 'PreconditionRequired')
    const asked: unknown = Reflect.get(Object(body), 'Boot')
    if (typeof asked !== 'object' || asked === null) return refuse(400, 'PropertyMissing', body)
    const boot = Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, String(value)]))
    const { BootSourceOverrideEnabled: enabled, BootSourceOverrideMode: mode } = boot
    if (vices.refusesMode === true && mode !== undefined) return refuse(400, 'PropertyNotWritable', body)
    if (vices.refusesSameEnabled === true && enabled === this.boot['BootSourceOverrideEnabled']) {
      return refuse(400, 'PropertyValueConflict', body)
    }
    if (vices.disablingNeedsMode === true && enabled === 'Disabled' && mode === undefined) {
      return refuse(400, 'PropertyMissing', body)
    }
    this.#etag++
    if (vices.forgetsBoot === true) return { status: 204 }
    if (vices.needsMode === true && mode === undefined && enabled !== 'Disabled') {
      this.boot = { ...this.boot, BootSourceOverrideMode: 'Legacy', BootSourceOverrideEnabled: 'Disabled' }
      return { status: 204 }
    }
    this.boot = { ...this.boot, ...boot }
    if (vices.onceBecomesContinuous === true && enabled === 'Once')
      this.boot['BootSourceOverrideEnabled'] = 'Continuous'
    return { status: 204 }
  }

  #reset(body: unknown): Reply {
    const type: unknown = Reflect.get(Object(body), 'ResetType')
    const { vices } = this
    if (type === 'On' && vices.conflictsAtOn !== undefined && vices.conflictsAtOn-- > 0)
      return refuse(409, 'ResourceInUse')
    if (typeof type !== 'string') return refuse(400, 'ActionParameterMissing', body)
    if (vices.ignoresPower === true) return { status: 204 }
    void this.#switch(type)
    const isOn = ['On', 'ForceOn', 'ForceRestart', 'GracefulRestart'].includes(type)
    const after = isOn ? 'On' : 'Off'
    if (vices.powerTakesMs === undefined) this.power = after
    else {
      if (vices.showsTransitions === true) this.power = isOn ? 'PoweringOn' : 'PoweringOff'
      this.#timer = setTimeout(() => (this.power = after), vices.powerTakesMs)
    }
    return { status: 204 }
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? undefined : JSON.parse(text)
}

/** Starts one. */
export async function startRedfishBmc(
  folder: string,
  vices: Vices = {},
  { machine, socket, onChange = async () => {} }: Surroundings = {},
): Promise<RedfishBmc> {
  const { key, cert } = makeCertificate(folder, 'bmc')
  const pem = readFileSync(cert)
  const state = new State(vices, machine)
  const server = createServer({ key: readFileSync(key), cert: pem }, (request, response) => {
    void (async () => {
      const body = await readBody(request)
      const change = request.method === 'GET' ? undefined : `${request.method} ${request.url}`
      if (change !== undefined) await onChange(`before ${change}`)
      const { status, json, headers } = state.answer(request, body)
      if (change !== undefined) await onChange(`after ${change}`)
      if (state.vices.silent === true) return
      response.writeHead(status, {
        'odata-version': '4.0',
        ...headers,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      })
      if (state.vices.endless === true && request.url !== '/redfish/v1/') {
        const block = Buffer.alloc(2 ** 20, ' ')
        response.on('drain', () => response.write(block))
        response.on('error', () => {})
        response.write(block)
        return
      }
      const { shows } = state.vices
      const isShown = shows !== undefined && request.method === 'GET' && request.url !== '/redfish/v1/'
      response.end(isShown ? shows : json === undefined ? undefined : JSON.stringify(json))
    })()
  })
  let port = 0
  if (socket === undefined) port = await listen(server)
  else {
    server.listen(socket)
    await once(server, 'listening')
  }
  return Object.assign(state, {
    url: `https://127.0.0.1:${port}`,
    port,
    certificateFile: cert,
    fingerprint: new X509Certificate(pem).fingerprint256,
    async [Symbol.asyncDispose]() {
      state.stop()
      await close(server)
    },
  })
}
