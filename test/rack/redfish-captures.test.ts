// What real BMCs answer, as others captured it: each is read, and what the rack then asks for fits what it offers.
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { basename, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { makeFolder } from '../helpers/folder.ts'
import { needs } from '../helpers/needs.ts'
import { close, listen } from '../helpers/port.ts'
import { fastWaits, powerOf } from './machine.ts'
import { bmcPassword, bmcUser, makeCertificate } from './redfish-bmc.ts'
import { showCertificate } from '../../src/rack/bmc/pinned-tls.ts'

const never = new AbortController().signal
const captures = 'test/fixtures/redfish'
const captureSchema = z.record(z.string(), z.record(z.string(), z.unknown()))

/** Serves a capture: a PATCH is kept, and a reset changes the power. @returns the changes that were asked for */
async function serve(name: string): Promise<{ url: string; certificate: string; asked: unknown[] }> {
  const resources = captureSchema.parse(JSON.parse(readFileSync(join(captures, `${name}.json`), 'utf8')))
  const folder = makeFolder()
  const { key, cert } = makeCertificate(folder.path, 'bmc')
  const asked: unknown[] = []
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    const path = (request.url ?? '').replace(/\/$/, '')
    const isReset = path.endsWith('/Actions/ComputerSystem.Reset')
    const resource = resources[path.replace('/Actions/ComputerSystem.Reset', '')]
    let text = ''
    request.on('data', (bytes: Buffer) => (text += bytes.toString()))
    request.on('end', () => {
      if (resource === undefined) return response.writeHead(404).end('{}')
      if (request.method === 'GET') return response.end(JSON.stringify(resource))
      const body = z
        .looseObject({ ResetType: z.string(), Boot: z.looseObject({}) })
        .partial()
        .parse(JSON.parse(text))
      asked.push([path, body.ResetType ?? body.Boot])
      if (isReset) resource['PowerState'] = body.ResetType === 'ForceOff' ? 'Off' : 'On'
      else resource['Boot'] = { ...Object(resource['Boot']), ...body.Boot }
      return response.writeHead(204).end()
    })
  })
  const port = await listen(server)
  onTestFinished(async () => {
    await close(server)
    folder[Symbol.dispose]()
  })
  const url = `https://127.0.0.1:${port}`
  return { url, certificate: await showCertificate(url, never), asked }
}

const systems = '/redfish/v1/Systems'
const once = { BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' }
const onceInMode = { ...once, BootSourceOverrideMode: 'UEFI' }
const none = { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: 'Disabled' }

interface Row {
  /** The id of the machine's system. */
  id: string
  /** Whether it is one of several. */
  isOneOfSeveral?: boolean
  /** It reports none if undefined. */
  uuid?: string
  /** The first and the number of its MAC addresses. */
  macs: [first: string | undefined, count: number]
  /** The resource that boot overrides are written to, in the system's, and the form that it gets first. */
  boot: [path: string, form: Record<string, string>]
}

const rows: Record<string, Row> = {
  'dell-r750': {
    id: 'System.Embedded.1',
    uuid: '4c4c4544-0035-3410-8050-c6c04f314733',
    macs: ['70:b5:e8:f0:52:dc', 5],
    boot: ['', onceInMode],
  },
  'hpe-dl385-gen10': {
    id: '1',
    uuid: '34383350-3131-584d-5133-303230393953',
    macs: ['50:7c:6f:11:f2:a6', 7],
    boot: ['', onceInMode],
  },
  'lenovo-sr670-v2': {
    id: '1',
    uuid: '6173ecec-6ef5-11ee-834a-0a8fc3a58a71',
    macs: ['0a:8f:c3:a5:8a:71', 5],
    boot: ['', onceInMode],
  },
  'nvidia-bluefield-3': { id: 'Bluefield', macs: ['5c:25:73:08:f3:62', 3], boot: ['/Settings', onceInMode] },
  'nvidia-dgx-h100': {
    id: 'DGX',
    isOneOfSeveral: true,
    uuid: 'b11dd4f2-bfde-1000-02bc-5cff35fbe6e9',
    macs: ['5c:ff:35:fe:04:b1', 5],
    boot: ['/SD', once],
  },
  'nvidia-gh200': {
    id: 'System_0',
    isOneOfSeveral: true,
    uuid: '1e90aa6e-6d05-9589-2253-ce7672d02d26',
    macs: [undefined, 0],
    boot: ['/Settings', once],
  },
  'supermicro-821ge': {
    id: '1',
    uuid: '00000000-0000-0000-0000-7cc25550a8ff',
    macs: ['94:6d:ae:91:fb:22', 12],
    boot: ['', onceInMode],
  },
}

describe('a capture of', needs('openssl'), () => {
  test.each(Object.entries(rows))(
    '%s',
    async (name, { id, isOneOfSeveral = false, uuid, macs, boot: [path, form] }) => {
      const { url, certificate, asked } = await serve(name)
      const login = { redfish: url, user: bmcUser, password: { env: 'BMC_PASSWORD' }, certificate }
      const own = { macs: [macs[0] ?? '52:54:00:aa:00:01'], ...(uuid === undefined ? {} : { uuid }) }
      const open = (more: object) =>
        powerOf({ ...own, power: { ...login, ...more } }, bmcPassword, { clock: fastWaits })
      if (isOneOfSeveral) {
        await using unnamed = open({}).power
        await expect(unnamed.status(never)).rejects.toThrow('has 2 systems, not one')
      }
      await using power = open(isOneOfSeveral ? { system: id } : {}).power
      const identity = await power.identify(never)
      expect([identity.uuids[0], identity.macs[0], identity.macs.length]).toEqual([uuid, ...macs])
      expect(await power.status(never)).toBe('on')
      await power.off(never)
      expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
      await power.on(never)
      await power.reset?.(never)
      await power.clearBoot(never)
      const system = `${systems}/${id}`
      const reset = `${system}/Actions/ComputerSystem.Reset`
      const place = system + path
      expect(asked).toEqual([
        [reset, 'ForceOff'],
        [place, form],
        [reset, 'On'],
        [reset, 'ForceRestart'],
        [place, none],
      ])
    },
  )

  test('is of each file', () => {
    const files = readdirSync(captures).filter((file) => file.endsWith('.json'))
    expect(files.map((file) => basename(file, '.json'))).toEqual(Object.keys(rows).toSorted())
  })
})
