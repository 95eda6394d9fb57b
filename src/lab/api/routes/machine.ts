// The routes for machines: their boot script and the metadata service. They need no token: the path contains a secret that only the
// device's machine knows. The real service recognized its callers by their addresses.
import { z } from 'zod/mini'

import { deviceScript } from '../../cloud/device-script.ts'
import { machineOf } from '../../cloud/inventory.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import type { Devices } from '../../cloud/life/devices.ts'
import { findMetadataText, metadataForMachine } from '../views/metadata.ts'
import { SecretOwners } from '../../storage/secret.ts'
import { type LabAnswer, ok, plain, refuse } from '../../web/answer.ts'
import { apiPrefix } from '../views/catalogue.ts'
import { type ApiRequest, parseJson } from '../../web/request.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'

/** 404 as the metadata service words it. */
const noResource: LabAnswer = { status: 404, json: { message: 'resource not found' } }

const userStateSchema = z.looseObject({
  state: z.enum(['running', 'succeeded', 'failed']),
  /** The documentation has numbers and strings of digits; Ignition sends no code. */
  code: z._default(
    z.pipe(
      z.union([z.int(), z.pipe(z.string().check(z.regex(/^\d+$/)), z.transform(Number))]),
      z.int().check(z.gte(1000), z.lte(1099)),
    ),
    1000,
  ),
  message: z.nullish(z.string().check(z.maxLength(4096))),
})

/** The lab's URL as the machine knows it, which from inside QEMU is not the same as from here. */
function originOf({ headers, isSecure }: ApiRequest): string {
  const { host = '' } = headers
  return /^[\w.-]+(:\d+)?$|^\[[\da-f:]+\](:\d+)?$/i.test(host) ? `${isSecure ? 'https' : 'http'}://${host}` : ''
}

/** Adds the state that a machine reports about itself as an event `user.NNNN`. */
function takeUserState(device: Device, body: Buffer, devices: Devices): LabAnswer {
  const parsed = userStateSchema.safeParse(parseJson(body)?.value)
  if (!parsed.success) return refuse(400, 'Bad request')
  const { state, code, message } = parsed.data
  devices.tell(device, `user.${code}`, message ?? '', state)
  return { status: 200 }
}

/** The type of a phone-home, which is in the query, or in the body as JSON or as a form. */
function typeOf({ query, body }: ApiRequest): string {
  const inQuery = query.get('type')
  if (inQuery !== null) return inQuery
  const json = parseJson(body)?.value
  if (typeof json === 'object' && json !== null) return 'type' in json && typeof json.type === 'string' ? json.type : ''
  return new URLSearchParams(body.toString('utf8')).get('type') ?? ''
}

/** iPXE phones home when it has an address, and a system when it is ready. Other types change nothing. */
function takePhoneHome(device: Device, request: ApiRequest, devices: Devices): LabAnswer {
  const type = typeOf(request)
  const ready = 'provisioning.110'
  if (type === 'provisioning.104.01') devices.connected(device)
  else if ((type === '' || type === ready) && device.provisioned[ready] === undefined) devices.tell(device, ready)
  return plain('ok\n')
}

/** Gives machines the scripts of their devices in another form than at the script's URL. */
export interface ScriptRelay {
  /** Whether a device's machine gets its script here. */
  isFor(device: Device): boolean
  /** The script as the machine gets it, and what the device's events say about it. */
  fetch(device: Device): Promise<{ text: string; event?: string } | { error: string }>
}

/** Routes under /boot/{key}. `bootUrlOf` returns that URL for a device, as its machine reaches it. */
export function machineRoutes(
  cloud: Cloud,
  devices: Devices,
  bootUrlOf: (device: Device) => string,
  relay?: ScriptRelay,
): Route[] {
  const owners = new SecretOwners<Device>(({ bootKey }) => bootKey)
  const of = (
    pattern: string,
    answer: (device: Device, request: RoutedRequest) => LabAnswer | Promise<LabAnswer>,
  ): Route => {
    const [methods = '', path = ''] = pattern.split(' ')
    return [
      `${methods} /boot/{key}${path}`,
      (request) => {
        const [key = ''] = request.parameters
        const device = owners.find(key, cloud.devices.values())
        return device === undefined ? noResource : answer(device, request)
      },
    ]
  }
  return [
    of('GET /auto.ipxe', (device, { peer }) => {
      devices.locate(device, peer)
      return plain(
        deviceScript(device, bootUrlOf(device), {
          isRelayed: relay?.isFor(device),
          diskBoot: machineOf(device, cloud)?.diskBoot,
        }),
      )
    }),
    of('GET /script', async (device) => {
      if (relay?.isFor(device) !== true) return noResource
      const script = await relay.fetch(device)
      if ('error' in script) return { status: 502, json: { message: script.error } }
      if (script.event !== undefined) devices.tell(device, 'instance.step', script.event)
      return plain(script.text)
    }),
    of('GET|POST /phone-home', (device, request) => takePhoneHome(device, request, devices)),
    of('POST /events', (device, { body }) => takeUserState(device, body, devices)),
    of('GET /metadata', (device, request) => {
      const origin = originOf(request)
      return ok(metadataForMachine(device, cloud, `${origin}/boot/${device.bootKey}`, `${origin}${apiPrefix}`))
    }),
    of('GET /userdata', (device) => plain(device.userdata)),
    of('GET /2009-04-04/{path*}', (device, { parameters: [, path = ''] }) => {
      const text = findMetadataText(device, cloud, path)
      return text === undefined ? noResource : plain(text)
    }),
  ]
}
