// A rack that is killed at each step of the life of a device, with machines whose programs switch them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { Namespace, needsNamespace } from '../netboot/lan.ts'
import { bootFrom } from './netbooting.ts'
import { RackProgram } from './rack-program.ts'
import { WiredMachine } from './wired-machine.ts'

const mac = '52:54:00:aa:00:01'

describe('a rack that is killed', needsNamespace('curl'), () => {
  let folder: TestFolder
  let host: Namespace
  let machine: WiredMachine
  let rack: RackProgram
  /** Called at each step: what the machine's wires are asked, and what the machine loads. */
  let onStep: (step: string) => Promise<void>
  let steps: string[] = []

  beforeAll(async () => {
    folder = makeFolder()
    host = await new Namespace().open()
    const scripts = 'http://127.0.0.1:7071/boot/mac'
    const start = () => bootFrom({ before: host.before, scripts, mac, onFetch: (path) => onStep(`GET ${path}`) })
    machine = await new WiredMachine(`${folder.path}/wires`, start).open()
    machine.onWord = async (word, when) => await onStep(`${when} ${word}`)
    rack = new RackProgram(
      { folder: folder.path, before: host.before },
      {
        network: { address: '127.0.0.1' },
        plans: { small: {} },
        machines: [{ name: 'r1', plan: 'small', macs: [mac], firmware: 'bios', power: { commands: machine.commands } }],
      },
    )
  })
  afterAll(async () => {
    await rack[Symbol.asyncDispose]()
    await machine[Symbol.asyncDispose]()
    await host.close()
    folder[Symbol.dispose]()
  })
  beforeEach(() => {
    steps = []
    onStep = async (step) => void steps.push(step)
  })

  /** Kills the rack at a step, once. @returns a promise of its death */
  function killAt(at: number): Promise<string> {
    let count = 0
    return new Promise((resolve) => {
      onStep = async (step) => {
        if (count++ !== at) return
        await rack.end('SIGKILL')
        resolve(step)
      }
    })
  }

  const isRefused = async () => {
    const { status, json } = await rack.create()
    expect([status, JSON.stringify(json)]).toEqual([422, expect.stringContaining("There aren't available servers")])
  }

  async function create(): Promise<string> {
    const { status, json } = await waitUntil(
      () => rack.create(),
      (answer) => answer.status === 201,
    )
    expect(status).toBe(201)
    return json.id
  }

  test('at each step of provisioning and release, and starts again', { timeout: 600_000 }, async () => {
    await rack.start()
    // First without a kill, to see the steps.
    const id = await create()
    await rack.waitForState(id, 'active')
    const provisioning = steps
    steps = []
    await rack.call('DELETE', `/devices/${id}`)
    await rack.waitForState(id, 'gone')
    const release = steps
    expect(provisioning).toEqual(expect.arrayContaining(['after set power 1', 'before set boot pxe']))
    expect(release).toEqual(expect.arrayContaining(['before set power 0', 'after set boot none']))
    for (let at = 0; at < Math.max(provisioning.length, release.length); at++) {
      const killed = killAt(at % provisioning.length)
      const device = await create()
      const step = await killed
      await rack.start()
      await isRefused()
      await rack.waitForState(device, 'active')
      expect([step, machine.isOn]).toEqual([step, true])
      const dead = killAt(at % release.length)
      const removal = rack.call('DELETE', `/devices/${device}`).catch(() => undefined)
      const last = await dead
      const answer = await removal
      await rack.start()
      // A client without an answer asks again, and while the device is being provisioned anew.
      if (answer?.status !== 204) {
        await waitUntil(
          () => rack.call('DELETE', `/devices/${device}`),
          ({ status }) => status === 204 || status === 404,
        )
      }
      await rack.waitForState(device, 'gone')
      expect([last, machine.isOn, machine.boot]).toEqual([last, false, 'none'])
    }
  })

  test('by Ctrl-C leaves its machine on, and finds it again; a second rack on its file is refused', async () => {
    await rack.end('SIGKILL')
    await rack.start()
    const device = await create()
    await rack.waitForState(device, 'active')
    const { starts } = machine
    const second = rack.rack('--name', 'second', '--boot-port', '7171')
    expect(await second.code).not.toBe(0)
    expect(second.seen.err).toMatch(/a rack with the file "[^"]*rack\.yaml" is already running, as process \d+/)
    const before = steps.length
    await rack.end('SIGINT')
    // No command runs after the signal, so an attempt to switch the machine off fails: it shows in the log.
    expect([machine.isOn, steps.slice(before).filter((step) => step.includes('set'))]).toEqual([true, []])
    expect(rack.log).not.toMatch(/could not be released|did not end in time/)
    await rack.start()
    await rack.waitForState(device, 'active')
    await isRefused()
    expect([machine.isOn, machine.starts]).toEqual([true, starts])
    await rack.call('DELETE', `/devices/${device}`)
    await rack.waitForState(device, 'gone')
    expect(machine.isOn).toBe(false)
  })

  test('meets a machine that is on, and uses it only once it is released', async () => {
    await rack.end('SIGKILL')
    machine.switchOn()
    await rack.start()
    await isRefused()
    expect(machine.isOn).toBe(true)
    const release = rack.metalkit('rack', 'release', 'r1')
    expect(await release.code, release.seen.err).toBe(0)
    const device = await create()
    await rack.waitForState(device, 'active')
    await rack.call('DELETE', `/devices/${device}`)
    await rack.waitForState(device, 'gone')
    expect(machine.isOn).toBe(false)
  })

  test(
    'whose wires break at each step of release never calls a machine free that is on',
    { timeout: 300_000 },
    async () => {
      await rack.end('SIGKILL')
      await rack.start()
      for (const broken of ['before status', 'before set power 0', 'after set power 0', 'before set boot none']) {
        const device = await create()
        await rack.waitForState(device, 'active')
        let isBroken = false
        onStep = async (step) => {
          isBroken ||= step === broken
          if (isBroken) throw new Error('the wires are broken')
        }
        await rack.call('DELETE', `/devices/${device}`)
        await waitUntil(
          () => rack.eventsOf(device),
          ([last = '']) => last.includes('the wires are broken') || last.includes('exit code 22'),
        )
        expect([broken, await rack.stateOf(device)]).toEqual([broken, 'deprovisioning'])
        await isRefused()
        onStep = async () => {}
        await rack.waitForState(device, 'gone')
        expect([broken, machine.isOn, machine.boot]).toEqual([broken, false, 'none'])
      }
    },
  )
})
