// `metalkit rack` over Debian's Ironic, as users run both: BMCs made by others, a QEMU machine, and an unchanged `metalkit run`.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { configureSim } from '../ipmi-sim.ts'
import { Lan, needsLan, rackAddress } from '../netboot/lan.ts'
import { linuxSays, makeLinuxImage, needsKernel } from '../netboot/linux.ts'
import { addBoard, type Board, bound } from '../run/boards.ts'
import { bootFrom } from '../run/netbooting.ts'
import { type RunningBmc, startBmc } from '../run/pyghmi.ts'
import { RackProgram } from '../run/rack-program.ts'
import { WiredMachine } from '../run/wired-machine.ts'
import { type IronicServer, ironicUser, startIronic } from './ironic-server.ts'

const programs = needs('ironic', 'ipmi_sim', 'ipmitool', 'socat', 'curl', 'ss')
const skip = { skip: needsLan().skip || needsKernel().skip || programs.skip, timeout: 400_000 }

const macs = { real: '52:54:00:aa:00:01', m1: '52:54:00:aa:00:02' }
type Name = keyof typeof macs

/** A machine that follows its boot script and does nothing else, behind a BMC. */
interface Puppet {
  machine: WiredMachine
  bmc: RunningBmc
  /** Called at each step: what its wires are asked, and what it loads. */
  onStep: (step: string) => Promise<void> | void
}

describe('a rack over Ironic', skip, () => {
  let lan: Lan
  let ironic: IronicServer
  let board: Board
  let rack: RackProgram
  const puppets = new Map<Name, Puppet>()

  const nodeOf = async (name: Name) => (await ironic.api('GET', `/nodes/${name}`)).json
  const allocations = async () => (await ironic.api('GET', '/allocations')).json.allocations.map(({ name }) => name)
  const login = () => ({ ironic: ironic.url, user: ironicUser, password: { env: 'BMC_PASSWORD' } })
  const puppetOf = (name: Name): Puppet => {
    const puppet = puppets.get(name)
    if (puppet === undefined) throw new Error(`no machine ${name}`)
    return puppet
  }

  /** Puts a machine behind an ipmi_sim. */
  async function addPuppet(name: Name, bmcPort: number): Promise<void> {
    const folder = join(lan.folder, name)
    mkdirSync(folder)
    const { before } = lan.rackHost
    const scripts = `http://${rackAddress}:7071/boot/mac`
    const onFetch = async (path: string) => await puppetOf(name).onStep(`GET ${path}`)
    const start = () => bootFrom({ before, scripts, mac: macs[name], onFetch })
    const machine = await new WiredMachine(join(folder, 'wires'), start).open()
    machine.onWord = async (word, when) => await puppetOf(name).onStep(`${when} ${word}`)
    const words = configureSim(folder, { port: bmcPort, chassis: machine.program })
    puppets.set(name, {
      machine,
      bmc: await startBmc([...before, ...words], bound(lan.rackHost, 'u', bmcPort)),
      onStep() {},
    })
  }

  beforeAll(async () => {
    lan = await new Lan().open()
    const { before } = lan.rackHost
    const starting = startIronic(lan.folder, { before, port: 6385 })
    board = await addBoard(lan, { name: 'real', mac: macs.real, firmware: 'bios', by: 'ipmi_sim', port: 6231 })
    await addPuppet('m1', 6232)
    ironic = await starting
    const properties = { capabilities: 'boot_mode:bios' }
    const enroll = async (name: Name, bmcPort: number, resourceClass: string, consolePort?: number) =>
      await ironic.enroll({
        name,
        mac: macs[name],
        bmcPort,
        resourceClass,
        properties,
        ...(consolePort && { consolePort }),
      })
    await Promise.all([enroll('real', 6231, 'real', 18_540), enroll('m1', 6232, 'small')])
    const real = {
      name: 'real',
      plan: 'real',
      macs: [macs.real],
      firmware: 'bios',
      power: { ...login(), node: 'real' },
    }
    const machines = [real, { ...login(), resourceClass: 'small' }]
    const file = { network: { address: rackAddress }, plans: { real: {} }, machines }
    rack = new RackProgram({ folder: lan.folder, before }, file)
    await rack.start()
  }, 180_000)
  afterAll(async () => {
    await rack?.[Symbol.asyncDispose]()
    await ironic?.[Symbol.asyncDispose]()
    await board?.[Symbol.asyncDispose]()
    for (const { bmc, machine } of puppets.values()) {
      await bmc[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
    }
    await lan?.[Symbol.asyncDispose]()
  })

  test('run boots Linux, shows its console, reboots it, and gives it back', async () => {
    const serve = ['-serve', `${rackAddress}:8081`, '-base-url', `http://${rackAddress}:8081`]
    const typed = ['-on', linuxSays, '-send', 'echo typed-$((6*7))\\r']
    const words = ['-metro', 'home', '-machine', 'real', ...serve, '-always-pxe', ...typed]
    const client = rack.metalkit('run', 'equinixmetal', ...words, makeLinuxImage(lan.folder))
    const shows = async (text: string, times = 1) => {
      await waitUntil(
        () => [client.seen.out.split(text).length - 1, client.process.exitCode],
        ([count, code]) => Number(count) >= times || code !== null,
        240_000,
      ).catch(() => {})
      const said = [client.seen.err, client.seen.out, board.text(), rack.log].join('\n')
      expect(client.seen.out.split(text).length - 1, said).toBeGreaterThanOrEqual(times)
    }
    await shows('typed-42')
    const { json } = await rack.call('GET', `/projects/${rack.projectId}/devices`)
    const { id } = json.devices[0]
    expect(await allocations()).toEqual([`metalkit-${id}`])
    expect((await nodeOf('real')).console_enabled).toBe(true)
    expect((await rack.call('POST', `/devices/${id}/actions`, { type: 'reboot' })).status).toBe(202)
    await shows(linuxSays, 2)
    await rack.waitForState(id, 'active')
    client.process.kill('SIGINT')
    expect(await client.code, client.seen.err).toBe(130)
    await rack.waitForState(id, 'gone')
    expect([board.machine.isOn, await allocations()]).toEqual([false, []])
    expect(await nodeOf('real')).toMatchObject({
      provision_state: 'available',
      instance_uuid: null,
      console_enabled: false,
    })
  })

  /** Kills the conductor at a step of m1, once. @returns a promise of its death */
  function killAt(at: string): Promise<void> {
    const puppet = puppetOf('m1')
    return new Promise((resolve) => {
      puppet.onStep = async (step) => {
        if (!step.startsWith(at)) return
        puppet.onStep = () => {}
        await ironic.kill()
        resolve()
      }
    })
  }

  test.each([
    ['before set power 1', 'before set power 0'],
    ['GET', 'after set power 0'],
  ])('a conductor that is killed %s, and %s, loses no machine', async (provisioning, release) => {
    const { machine } = puppetOf('m1')
    const create = async () => await rack.create({ plan: 'small' })
    const isRefused = async () => {
      const { status, json } = await create()
      expect([status, JSON.stringify(json)]).toEqual([422, expect.stringContaining("There aren't available servers")])
    }
    const dead = killAt(provisioning)
    const { json } = await waitUntil(create, ({ status }) => status === 201)
    await dead
    await isRefused()
    await ironic.start()
    await rack.waitForState(json.id, 'active')
    expect([machine.isOn, await allocations()]).toEqual([true, [`metalkit-${json.id}`]])
    await isRefused()
    const deadAgain = killAt(release)
    expect((await rack.call('DELETE', `/devices/${json.id}`)).status).toBe(204)
    await deadAgain
    expect(await rack.stateOf(json.id)).toBe('deprovisioning')
    await isRefused()
    await ironic.start()
    await rack.waitForState(json.id, 'gone')
    expect([machine.isOn, await allocations()]).toEqual([false, []])
  })
})
