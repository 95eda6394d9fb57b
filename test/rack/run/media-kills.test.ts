// A rack that is killed while the BMC of a machine inserts, boots and ejects its disc.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { Namespace, needsNamespace } from '../netboot/lan.ts'
import { bmcUser, type RedfishBmc, startRedfishBmc } from '../redfish-bmc.ts'
import { bound } from './boards.ts'
import { bootFrom } from './netbooting.ts'
import { type RunningBmc, startBmc } from './pyghmi.ts'
import { RackProgram } from './rack-program.ts'
import { hum, WiredMachine } from './wired-machine.ts'

const mac = '52:54:00:aa:00:01'
const port = 6251
const needed = needsNamespace('curl', 'ss', 'socat')

describe('a rack that is killed', { skip: needed.skip || needs('xorriso', 'openssl').skip }, () => {
  let folder: TestFolder
  let host: Namespace
  let machine: WiredMachine
  let bmc: RedfishBmc
  let door: RunningBmc
  let rack: RackProgram
  let onChange: (step: string) => Promise<void>
  let steps: string[] = []

  beforeAll(async () => {
    folder = makeFolder()
    host = await new Namespace().open()
    const scripts = 'http://127.0.0.1:7071/boot/mac'
    const start = (_: boolean, disc?: string) =>
      disc === undefined ? hum() : bootFrom({ before: host.before, scripts, mac, onFetch: () => {} })
    machine = await new WiredMachine(join(folder.path, 'wires'), start).open()
    const place = join(folder.path, 'bmc')
    mkdirSync(place)
    const socket = join(place, 'redfish')
    bmc = await startRedfishBmc(place, {}, { machine, socket, onChange: (step) => onChange(step) })
    const words = ['socat', `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`, `UNIX-CONNECT:${socket}`]
    door = await startBmc([...host.before, ...words], bound(host, 't', port))
    rack = new RackProgram(
      { folder: folder.path, before: host.before },
      {
        network: { address: '127.0.0.1' },
        plans: { small: {} },
        machines: [
          {
            name: 'r1',
            plan: 'small',
            macs: [mac],
            firmware: 'bios',
            boot: 'media',
            power: {
              redfish: `https://127.0.0.1:${port}`,
              user: bmcUser,
              password: { env: 'BMC_PASSWORD' },
              certificate: bmc.fingerprint,
            },
          },
        ],
      },
    )
  })
  afterAll(async () => {
    await rack?.[Symbol.asyncDispose]()
    await door?.[Symbol.asyncDispose]()
    await bmc?.[Symbol.asyncDispose]()
    await machine?.[Symbol.asyncDispose]()
    await host.close()
    folder[Symbol.dispose]()
  })

  /** Kills the rack at a step, once. @returns a promise of its death */
  function killAt(at: number): Promise<string> {
    let count = 0
    return new Promise((resolve) => {
      onChange = async (step) => {
        if (count++ !== at) return
        await rack.end('SIGKILL')
        resolve(step)
      }
    })
  }

  async function create(): Promise<string> {
    const { json } = await waitUntil(
      () => rack.create(),
      (answer) => answer.status === 201,
    )
    return json.id
  }

  const remove = async (device: string) => {
    await waitUntil(
      () => rack.call('DELETE', `/devices/${device}`),
      ({ status }) => status === 204 || status === 404,
    )
    await rack.waitForState(device, 'gone')
  }

  test('at each change of the BMC ejects its disc before the machine is free', { timeout: 600_000 }, async () => {
    onChange = async (step) => void steps.push(step)
    await rack.start()
    const id = await create()
    await rack.waitForState(id, 'active')
    expect(machine.disc).toBe('http://127.0.0.1:7071/media/rack.iso')
    const provisioning = steps
    steps = []
    await remove(id)
    expect(machine.disc).toBeUndefined()
    const release = steps
    expect(provisioning).toContainEqual(expect.stringMatching(/^after POST .*InsertMedia$/))
    expect(release).toContainEqual(expect.stringMatching(/^before POST .*EjectMedia$/))
    for (let at = 0; at < Math.max(provisioning.length, release.length); at++) {
      const killed = killAt(at % provisioning.length)
      const device = await create()
      const step = await killed
      await rack.start()
      const { status } = await rack.create()
      expect(status).toBe(422)
      await rack.waitForState(device, 'active')
      expect([step, machine.isOn, machine.disc]).toEqual([step, true, expect.stringContaining('rack.iso')])
      const dead = killAt(at % release.length)
      void rack.call('DELETE', `/devices/${device}`).catch(() => undefined)
      const last = await dead
      await rack.start()
      await remove(device)
      expect([last, machine.isOn, machine.disc]).toEqual([last, false, undefined])
    }
  })
})
