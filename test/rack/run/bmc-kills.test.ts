// BMCs of others that are killed at each step of the life of a device, and come back later: no machine is free while it runs.
import { mkdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { needsPython } from '../../helpers/needs.ts'
import { configureSim, simUser } from '../ipmi-sim.ts'
import { Namespace, needsNamespace } from '../netboot/lan.ts'
import { bound } from './boards.ts'
import { bootFrom } from './netbooting.ts'
import { type RunningBmc, startBmc, startPyghmi } from './pyghmi.ts'
import { bmcPassword, RackProgram } from './rack-program.ts'
import { WiredMachine } from './wired-machine.ts'

const macs = { sim: '52:54:00:aa:00:01', pyghmi: '52:54:00:aa:00:02' }
type Name = keyof typeof macs
const ports: Record<Name, number> = { sim: 6231, pyghmi: 6232 }
const names: Name[] = ['sim', 'pyghmi']

const needed = needsNamespace('curl', 'ss', 'ipmi_sim', 'ipmitool')

describe('a BMC that is killed', { skip: needed.skip || needsPython('pyghmi').skip }, () => {
  let folder: TestFolder
  let host: Namespace
  let rack: RackProgram
  let machines: Record<Name, WiredMachine>
  let bmcs: Record<Name, RunningBmc>
  /** Called at each step of a machine: what its wires are asked, and what it loads. */
  const onStep: Record<Name, (step: string) => Promise<void>> = { sim: async () => {}, pyghmi: async () => {} }

  beforeAll(async () => {
    folder = makeFolder()
    host = await new Namespace().open()
    const scripts = 'http://127.0.0.1:7071/boot/mac'
    const wire = async (name: Name) => {
      const mac = macs[name]
      const onFetch = async (path: string) => await onStep[name](`GET ${path}`)
      const start = () => bootFrom({ before: host.before, scripts, mac, onFetch })
      const machine = await new WiredMachine(`${folder.path}/wires-${name}`, start).open()
      machine.onWord = async (word, when) => await onStep[name](`${when} ${word}`)
      return machine
    }
    machines = { sim: await wire('sim'), pyghmi: await wire('pyghmi') }
    const simFolder = `${folder.path}/sim`
    mkdirSync(simFolder)
    const words = configureSim(simFolder, { port: ports.sim, chassis: machines.sim.program })
    bmcs = {
      sim: await startBmc([...host.before, ...words], bound(host, 'u', ports.sim)),
      pyghmi: await startPyghmi({
        machine: machines.pyghmi,
        port: ports.pyghmi,
        password: bmcPassword,
        before: host.before,
        ready: bound(host, 'u', ports.pyghmi),
      }),
    }
    const login = { user: simUser, password: { env: 'BMC_PASSWORD' }, cipher: 3 }
    rack = new RackProgram(
      { folder: folder.path, before: host.before },
      {
        network: { address: '127.0.0.1' },
        plans: Object.fromEntries(names.map((name) => [name, {}])),
        machines: names.map((name) => ({
          name,
          plan: name,
          macs: [macs[name]],
          firmware: 'bios',
          power: { ipmi: `127.0.0.1:${ports[name]}`, ...login },
        })),
      },
    )
    await rack.start()
  })
  afterAll(async () => {
    await rack?.[Symbol.asyncDispose]()
    for (const name of names) {
      await bmcs?.[name][Symbol.asyncDispose]()
      await machines?.[name][Symbol.asyncDispose]()
    }
    await host.close()
    folder[Symbol.dispose]()
  })

  /** Kills the BMC of a machine at a step, once. @returns a promise of its death */
  function killAt(name: Name, at: string): Promise<void> {
    return new Promise((resolve) => {
      onStep[name] = async (step) => {
        if (!step.startsWith(at)) return
        onStep[name] = async () => {}
        await bmcs[name].kill()
        resolve()
        // It dies with the request in its hands.
        if (step.startsWith('before')) throw new Error('nobody works the wires')
      }
    })
  }

  async function isRefused(name: Name): Promise<void> {
    const { status, json } = await rack.create({ plan: name })
    expect([status, JSON.stringify(json)]).toEqual([422, expect.stringContaining("There aren't available servers")])
  }

  async function create(name: Name): Promise<string> {
    const { json } = await waitUntil(
      () => rack.create({ plan: name }),
      ({ status }) => status === 201,
    )
    return json.id
  }

  /** Deletes a device, with its BMC dead, and brings the BMC back once the rack has noticed. */
  async function endsOff(name: Name, device: string): Promise<void> {
    await waitUntil(
      () => rack.eventsOf(device),
      (texts) => texts.some((text) => text.includes('does not answer')),
    )
    expect(await rack.stateOf(device)).toBe('deprovisioning')
    await isRefused(name)
    await bmcs[name].start()
    await rack.waitForState(device, 'gone')
    expect([machines[name].isOn, machines[name].boot]).toEqual([false, 'none'])
  }

  /** Both at once: most of the time somebody waits for a BMC that is dead. */
  async function onBoth(live: (name: Name) => Promise<void>): Promise<void> {
    await Promise.all(names.map(live))
  }

  test.each([
    ['before it switches its machine on', 'before set power 1', false],
    ['after it has switched its machine on', 'after set power 1', true],
    ['while its machine boots', 'GET', true],
  ])('%s', async (_, step, isOn) => {
    await onBoth(async (name) => {
      const dead = killAt(name, step)
      const device = await create(name)
      await dead
      await isRefused(name)
      expect([name, machines[name].isOn]).toEqual([name, isOn])
      await rack.call('DELETE', `/devices/${device}`)
      await endsOff(name, device)
    })
  })

  test.each([
    ['before it switches its machine off', 'before set power 0', true],
    ['after it has switched its machine off', 'after set power 0', false],
  ])('%s', async (_, step, isOn) => {
    await onBoth(async (name) => {
      const device = await create(name)
      await rack.waitForState(device, 'active')
      const dead = killAt(name, step)
      await rack.call('DELETE', `/devices/${device}`)
      await dead
      expect([name, machines[name].isOn]).toEqual([name, isOn])
      await endsOff(name, device)
    })
  })
})
