// Two racks that share the machines of one Ironic: none is ever of both.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { configureSim } from '../ipmi-sim.ts'
import { Lan, type Namespace, needsLan, rackAddress } from '../netboot/lan.ts'
import { bound } from '../run/boards.ts'
import { bootFrom } from '../run/netbooting.ts'
import { type RunningBmc, startBmc } from '../run/pyghmi.ts'
import { RackProgram } from '../run/rack-program.ts'
import { hum, WiredMachine } from '../run/wired-machine.ts'
import { type IronicServer, ironicUser, startIronic } from './ironic-server.ts'

const programs = needs('ironic', 'ipmi_sim', 'ipmitool', 'socat', 'curl', 'ss')
const skip = { skip: needsLan().skip || programs.skip, timeout: 240_000 }

const secondAddress = '10.77.0.11'
const macs = { p1: '52:54:00:aa:00:03', p2: '52:54:00:aa:00:04' }
type Name = keyof typeof macs

/** A machine that boots from the first rack that has a script for it, behind a BMC. */
interface Puppet {
  machine: WiredMachine
  bmc: RunningBmc
}

/** The machines that a rack may use: it sets them aside while their Ironic does not answer. */
const freeIn = async (rack: RackProgram) => {
  const { json } = await rack.call('GET', `/projects/${rack.projectId}/hardware-reservations?per_page=100`)
  const all: { name: string; provisionable: boolean }[] = json.hardware_reservations
  return all.filter(({ name, provisionable }) => provisionable && /^p[12]$/.test(name)).length
}

describe('two racks over one Ironic', skip, () => {
  let lan: Lan
  let ironic: IronicServer
  let racks: RackProgram[] = []
  const puppets: Puppet[] = []

  async function addPuppet(name: Name, bmcPort: number, second: Namespace): Promise<void> {
    const folder = join(lan.folder, name)
    mkdirSync(folder)
    const { before } = lan.rackHost
    const start = () => {
      // Each request comes from the rack's own host: a host of the LAN with another MAC gets no script.
      const hosts = [
        { address: rackAddress, before },
        { address: secondAddress, before: second.before },
      ]
      const boots = hosts.map((host) =>
        bootFrom({
          before: host.before,
          scripts: `http://${host.address}:7071/boot/mac`,
          mac: macs[name],
          onFetch() {},
        }),
      )
      const running = hum()
      void running.ended.then(() => Promise.all(boots.map((boot) => boot.cut())))
      return running
    }
    const machine = await new WiredMachine(join(folder, 'wires'), start).open()
    const words = configureSim(folder, { port: bmcPort, chassis: machine.program })
    puppets.push({ machine, bmc: await startBmc([...before, ...words], bound(lan.rackHost, 'u', bmcPort)) })
  }

  beforeAll(async () => {
    lan = await new Lan().open()
    const second = await lan.host(secondAddress, '52:54:00:bb:00:11')
    // A login goes over http only to localhost: the second rack's leads to the same Ironic.
    lan.rackHost.start('socat', `TCP-LISTEN:6386,bind=${rackAddress},fork`, 'TCP:127.0.0.1:6385')
    second.start('socat', 'TCP-LISTEN:6385,bind=127.0.0.1,fork', `TCP:${rackAddress}:6386`)
    const starting = startIronic(lan.folder, { before: lan.rackHost.before, port: 6385 })
    await addPuppet('p1', 6233, second)
    await addPuppet('p2', 6234, second)
    ironic = await starting
    const shared = { resourceClass: 'pair', properties: { capabilities: 'boot_mode:bios' } }
    await Promise.all([
      ironic.enroll({ name: 'p1', mac: macs.p1, bmcPort: 6233, ...shared }),
      ironic.enroll({ name: 'p2', mac: macs.p2, bmcPort: 6234, ...shared }),
    ])
    const home = (name: string) => {
      mkdirSync(join(lan.folder, name))
      return join(lan.folder, name)
    }
    const login = { ironic: ironic.url, user: ironicUser, password: { env: 'BMC_PASSWORD' } }
    const rackOn = (name: string, address: string, before: readonly string[]) =>
      new RackProgram(
        { folder: home(name), before },
        { network: { address }, machines: { ...login, resourceClass: 'pair' } },
      )
    racks = [rackOn('rack-1', rackAddress, lan.rackHost.before), rackOn('rack-2', secondAddress, second.before)]
    await Promise.all(racks.map((rack) => rack.start()))
  }, 180_000)
  afterAll(async () => {
    for (const rack of racks) await rack[Symbol.asyncDispose]()
    await ironic?.[Symbol.asyncDispose]()
    for (const { bmc, machine } of puppets) {
      await bmc[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
    }
    await lan?.[Symbol.asyncDispose]()
  })

  const allocations = async () => (await ironic.api('GET', '/allocations')).json.allocations.map(({ name }) => name)

  function rackAt(index: number): RackProgram {
    const rack = racks[index]
    if (rack === undefined) throw new Error('no rack')
    return rack
  }

  test('two racks never have the same machine', async () => {
    const pair = puppets.map(({ machine }) => machine)
    for (const rack of racks) {
      await waitUntil(
        () => freeIn(rack),
        (count) => count === 2,
      )
    }
    const created = await Promise.all(
      [1, 0, 1, 0].map(async (at) => {
        const rack = rackAt(at)
        const { status, json } = await rack.create({ plan: 'pair' })
        return { rack, status, id: String(json.id) }
      }),
    )
    expect(created.map(({ status }) => status)).toEqual([201, 201, 201, 201])
    const statesOf = () => Promise.all(created.map(async ({ rack, id }) => await rack.stateOf(id)))
    await waitUntil(
      statesOf,
      (states) => states.every((state) => state === 'active' || state === 'failed'),
      60_000,
    ).catch(() => {})
    const states = await statesOf()
    const winners = created.filter((_, at) => states[at] === 'active')
    const losers = created.filter((_, at) => states[at] === 'failed')
    expect([winners.length, losers.length], [states.join(), ...racks.map(({ log }) => log)].join('\n\n')).toEqual([
      2, 2,
    ])
    expect((await allocations()).toSorted()).toEqual(winners.map(({ id }) => `metalkit-${id}`).toSorted())
    expect(pair.map(({ isOn, starts }) => [isOn, starts])).toEqual([
      [true, 1],
      [true, 1],
    ])
    for (const { rack, id } of losers) {
      expect((await rack.eventsOf(id)).join('\n')).toContain('is taken by another: the allocation "metalkit-')
      await rack.call('DELETE', `/devices/${id}`)
    }
    // The loser of a machine waits for it, and does not switch it.
    for (const { rack } of created) expect((await rack.create({ plan: 'pair' })).status).toBe(422)
    expect(pair.map(({ isOn, words }) => [isOn, words.includes('set power 0')])).toEqual([
      [true, false],
      [true, false],
    ])
    for (const { rack, id } of winners) await rack.call('DELETE', `/devices/${id}`)
    for (const { rack, id } of created) await rack.waitForState(id, 'gone')
    expect([pair.map(({ isOn }) => isOn), await allocations()]).toEqual([[false, false], []])
  })
})
