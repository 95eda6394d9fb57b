// Power and claims through Debian's Ironic, over OpenIPMI's simulator.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import type { Power } from '../../../src/rack/power/power.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { findFreePort } from '../../helpers/port.ts'
import { awaitLine, makePtyPair, openFarEnd, openFor, type PtyPair } from '../console/open.ts'
import { type IpmiSim, startIpmiSim } from '../ipmi-sim.ts'
import { failureOf, powerOf, secretsOf } from '../machine.ts'
import { ironicPassword, type IronicServer, ironicUser, startIronic } from './ironic-server.ts'

const never = new AbortController().signal
const mac = '52:54:00:aa:00:01'
const pretendedMac = '52:54:00:aa:00:0a'
const laterMac = '52:54:00:aa:00:0b'

/** A node whose BMC is a simulator. Ironic paces its commands by the BMC's address, so that each has one of its own. */
interface SimulatedNode {
  node: string
  macs: string[]
  sim: IpmiSim
}

/** The devices of six racks. */
const devices = Array.from({ length: 6 }, (_, i) => `0000000${i}-aaaa-4bbb-8ccc-dddddddddddd`)
const [device = ''] = devices

describe('with Ironic', { ...needs('ironic', 'ipmitool', 'ipmi_sim', 'socat'), timeout: 90_000 }, () => {
  let folder: TestFolder
  let ironic: IronicServer
  let pair: PtyPair
  let sim: IpmiSim
  let nodes: SimulatedNode[] = []
  let racks: Power[] = []

  const loginOf = (node: string) => ({ ironic: ironic.url, node, user: ironicUser, password: { env: 'BMC_PASSWORD' } })

  /** The power of a node, in another rack each time. */
  function connect(
    keys: Record<string, unknown> = {},
    { node = 'r1', password = ironicPassword } = {},
  ): { power: Power; lines: string[] } {
    const login = loginOf(node)
    const rack = powerOf({ power: login, ...keys }, password, { clock: systemClock })
    racks.push(rack.power)
    return rack
  }
  const read = async (node = 'r1') => (await ironic.api('GET', `/nodes/${node}`)).json
  const isIdle = async () => {
    const names = ['pretended', 'later', ...nodes.map(({ node }) => node)]
    const records = await Promise.all(names.map((name) => read(name)))
    return records.every(({ reservation, target_power_state: target }) => reservation === null && target === null)
  }
  function nodeAt(index: number): SimulatedNode {
    const found = nodes[index]
    if (found === undefined) throw new Error('no node')
    return found
  }

  /** The node whose BMC Ironic only pretends to have: its record is its power. Claims are the same for both. */
  const connectPretended = () => connect({ macs: [pretendedMac] }, { node: 'pretended' }).power
  const connectLater = () => connect({ macs: [laterMac] }, { node: 'later' }).power
  const pretendedPower = async () => (await read('pretended')).power_state
  async function switchPretended(target: 'power on' | 'power off', node = 'pretended'): Promise<void> {
    await ironic.api('PUT', `/nodes/${node}/states/power`, { target })
    await waitUntil(
      async () => (await read(node)).power_state,
      (power) => power === target,
    )
  }

  /** Leaves Ironic as it was found. */
  async function tidy(): Promise<void> {
    for (const { sim: bmc } of nodes) {
      for (const mark of ['hang', 'deaf', 'boot-is-kept']) bmc.unmark(mark)
    }
    await waitUntil(isIdle, (isSo) => isSo)
    const { json } = await ironic.api('GET', '/allocations')
    for (const { uuid } of json.allocations) await ironic.api('DELETE', `/allocations/${uuid}`)
    for (const power of racks) await power[Symbol.asyncDispose]()
    racks = []
  }

  beforeAll(async () => {
    folder = makeFolder()
    ironic = await startIronic(folder.path)
    pair = await makePtyPair(folder.path)
    nodes = await Promise.all(
      [1, 2, 3, 4].map(async (index) => {
        const node = `r${index}`
        const host = `127.0.0.${index}`
        const bmc = await startIpmiSim(folder.path, { label: node, host, sol: index === 1 ? pair.near : undefined })
        return { node, macs: [`52:54:00:aa:00:0${index}`], sim: bmc }
      }),
    )
    sim = nodeAt(0).sim
    const consolePort = await findFreePort()
    await Promise.all([
      ...nodes.map(async ({ node, macs: [address = ''], sim: { port: bmcPort } }, index) => {
        const more = index === 0 ? { consolePort } : {}
        const bmcHost = `127.0.0.${index + 1}`
        await ironic.enroll({ name: node, mac: address, bmcHost, bmcPort, resourceClass: node, ...more })
      }),
      ironic.enroll({ name: 'pretended', mac: pretendedMac, resourceClass: 'pretended' }),
      ironic.enroll({ name: 'later', mac: laterMac, resourceClass: 'later' }),
    ])
    // Ironic allocates no node whose power it does not know.
    await Promise.all(['pretended', 'later'].map((node) => switchPretended('power off', node)))
  }, 180_000)
  afterAll(async () => {
    await ironic?.[Symbol.asyncDispose]()
    for (const { sim: bmc } of nodes) await bmc[Symbol.asyncDispose]()
    await pair?.kill()
    folder?.[Symbol.dispose]()
  })

  describe.concurrent('each with a machine of its own', () => {
    afterAll(tidy)

    test('a machine is claimed, booted, reset, switched off and freed', async () => {
      const { power, lines } = connect()
      expect(await power.identify(never)).toEqual({ macs: [mac], uuids: [] })
      await power.claim?.(device, never)
      await power.off(never)
      expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
      expect(sim.boot()).toBe('pxe')
      await power.on(never)
      expect(sim.power()).toBe('on')
      expect(await power.status(never)).toBe('on')
      await power.reset?.(never)
      expect(sim.power()).toBe('on')
      await power.softOff?.(never)
      await power.off(never)
      expect(sim.power()).toBe('off')
      await power.clearBoot(never)
      expect(sim.boot()).not.toBe('pxe')
      await power.free?.(device, never)
      expect(await read()).toMatchObject({
        provision_state: 'available',
        instance_uuid: null,
        instance_info: {},
        extra: {},
      })
      expect(lines.join('\n')).toContain('/states/power 202')
      expect(lines.join('\n')).not.toContain(ironicPassword)
    })

    test('an old record of "off" is not believed', async () => {
      const { sim: bmc, node, macs } = nodeAt(1)
      const { power } = connect({ macs }, { node })
      await power.off(never)
      // Somebody switches it on by hand; Ironic has not looked again yet.
      bmc.setPower('on')
      await power.off(never)
      expect(bmc.power()).toBe('off')
    })

    test('a machine that does not go off is not called off', async () => {
      const { sim: bmc, node, macs } = nodeAt(2)
      const { power } = connect({ macs }, { node })
      bmc.setPower('on')
      bmc.mark('deaf')
      const deaf = await failureOf(power.off(never))
      expect(deaf.text).toContain('did not switch its machine (power off): Failed to change power state')
      expect(bmc.power()).toBe('on')
      bmc.unmark('deaf')
      await power.off(never)
      expect(bmc.power()).toBe('off')
    })

    test('a machine whose BMC is silent is not called off', async () => {
      const { sim: bmc, node, macs } = nodeAt(3)
      const { power } = connect({ macs }, { node })
      bmc.setPower('on')
      await bmc.kill()
      const silent = await failureOf(power.off(never))
      await bmc.restart()
      expect(silent.text).toContain('did not switch its machine (power off): Failed to')
      expect(silent.text).toContain('IPMI call failed: power status')
      expect(bmc.power()).toBe('on')
      await power.off(never)
      expect(bmc.power()).toBe('off')
    })
  })

  describe('one after another', () => {
    beforeEach(() => {
      sim.setPower('off')
    })
    afterEach(tidy)

    test('of six racks that claim a machine at once, one has it', async () => {
      const outcomes = await Promise.allSettled(devices.map(async (id) => await connectPretended().claim?.(id, never)))
      const winners = devices.filter((_, i) => outcomes[i]?.status === 'fulfilled')
      expect(winners).toHaveLength(1)
      const losers = outcomes.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
      for (const text of losers) {
        expect(text).toContain(`is taken by another: the allocation "metalkit-${winners[0]}" has it`)
      }
      // Those that have it not leave nothing, and switch nothing.
      const { json } = await ironic.api('GET', '/allocations')
      expect(json.allocations.map(({ name }) => name)).toEqual([`metalkit-${winners[0]}`])
      await switchPretended('power on')
      const other = connectPretended()
      for (const act of ['off', 'on', 'reset', 'bootFromNetworkOnce'] as const) {
        expect((await failureOf(other[act]?.(never) ?? Promise.resolve())).error).toMatchObject({ reason: 'taken' })
      }
      expect(await pretendedPower()).toBe('power on')
      // The same device again: after a restart of its rack, or a lost answer.
      const again = connectPretended()
      await again.claim?.(winners[0] ?? '', never)
      await again.off(never)
      expect(await pretendedPower()).toBe('power off')
      await again.free?.(winners[0] ?? '', never)
      await again.free?.(winners[0] ?? '', never)
      await other.claim?.(devices.find((id) => id !== winners[0]) ?? '', never)
    })

    test('a machine of Nova is neither claimed nor switched', async () => {
      const instance = '99999999-aaaa-4bbb-8ccc-dddddddddddd'
      await switchPretended('power on')
      await ironic.api('PATCH', '/nodes/pretended', [{ op: 'add', path: '/instance_uuid', value: instance }])
      try {
        const power = connectPretended()
        const acts = [
          async () => await power.claim?.(device, never),
          async () => await power.off(never),
          async () => await power.status(never),
        ]
        for (const act of acts) {
          const { error, text } = await failureOf(act())
          expect(error).toMatchObject({ reason: 'taken' })
          expect(text).toContain(`is taken by another: the instance "${instance}" has it`)
        }
        await power.free?.(device, never)
        expect(await read('pretended')).toMatchObject({ instance_uuid: instance })
        expect(await pretendedPower()).toBe('power on')
      } finally {
        await ironic.api('PATCH', '/nodes/pretended', [{ op: 'remove', path: '/instance_uuid' }])
      }
    })

    test("a machine in maintenance is not claimed, for Ironic's reason", async () => {
      await ironic.api('PUT', '/nodes/pretended/maintenance', { reason: 'fan replaced on Friday' })
      const { text } = await failureOf(Promise.resolve(connectPretended().claim?.(device, never)))
      await ironic.api('DELETE', '/nodes/pretended/maintenance')
      expect(text).toContain('is not allocated (the node is in maintenance: fan replaced on Friday)')
    })

    // Each BMC hangs in the middle of an action, and the conductor is killed there.
    test('a conductor that is killed in "boot", "on", "reset" and "off" does them after its restart', async () => {
      const phases = ['boot', 'on', 'reset', 'off'] as const
      const acting = await Promise.all(
        phases.map(async (phase, index) => {
          const { sim: bmc, node, macs } = nodeAt(index)
          const { power } = connect({ macs }, { node })
          const acts = {
            boot: async () => void (await power.bootFromNetworkOnce(never)),
            on: async () => await power.on(never),
            reset: async () => await power.reset?.(never),
            off: async () => await power.off(never),
          }
          bmc.setPower(phase === 'on' ? 'off' : 'on')
          await power.claim?.(devices[index] ?? '', never)
          bmc.mark('hang')
          const before = bmc.log().length
          const act = { phase, bmc, node, macs, isOver: false, done: Promise.resolve() }
          act.done = acts[phase]().finally(() => (act.isOver = true))
          await expect.poll(() => bmc.log().length, { timeout: 20_000 }).toBeGreaterThan(before)
          return act
        }),
      )
      await ironic.kill()
      expect(acting.map(({ isOver }) => isOver)).toEqual(phases.map(() => false))
      for (const { bmc } of acting) bmc.unmark('hang')
      await sleep(100)
      await ironic.start()
      await Promise.all(acting.map(({ done }) => done))
      for (const { phase, bmc } of acting) {
        if (phase === 'boot') expect(bmc.boot()).toBe('pxe')
        else expect([phase, bmc.power()]).toEqual([phase, phase === 'off' ? 'off' : 'on'])
      }
      // The claims have outlived the conductor.
      for (const { node, macs } of acting) {
        const other = connect({ macs }, { node }).power
        const { error } = await failureOf(Promise.resolve(other.claim?.(devices[5] ?? '', never)))
        expect(error).toMatchObject({ reason: 'taken' })
      }
    })

    test('a claim and the end of one are carried through a conductor that is killed', async () => {
      const power = connectPretended()
      await power.claim?.(device, never)
      const later = connectLater()
      await ironic.kill()
      const freeing = power.free?.(device, never)
      const claiming = later.claim?.(devices[1] ?? '', never)
      await ironic.start()
      await freeing
      await claiming
      expect(await read('pretended')).toMatchObject({ instance_uuid: null, instance_info: {} })
      expect((await read('later')).allocation_uuid).not.toBeNull()
    })

    test('its console passes bytes in both directions, comes back after a loss, and is given back', async () => {
      const { env } = secretsOf(ironicPassword)
      const clock = {
        ...systemClock,
        sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 1000), signal),
      }
      const r1 = await openFor({ power: loginOf('r1') }, { env, clock })
      expect(r1.lines.join('\n')).not.toContain('the console of')
      expect((await read()).console_enabled).toBe(true)
      using machine = openFarEnd(pair)
      await awaitLine(r1, machine)
      r1.type('~.\r~.~~\r')
      await expect.poll(() => machine.heard(), { timeout: 20_000 }).toContain('~.\r~.~~\r')
      machine.print('login: ')
      await expect.poll(() => r1.output(), { timeout: 20_000 }).toMatch(/login: $/)
      // What an operator does who wants the console.
      await ironic.api('PUT', '/nodes/r1/states/console', { enabled: false })
      await expect.poll(() => r1.lines.join('\n'), { timeout: 20_000 }).toMatch(/console of "r1" is lost/)
      await expect.poll(async () => (await read()).console_enabled, { timeout: 20_000 }).toBe(true)
      const printAgain = () => {
        machine.print('again')
        return r1.output()
      }
      await expect.poll(printAgain, { timeout: 20_000 }).toContain('again')
      await r1[Symbol.asyncDispose]()
      expect((await read()).console_enabled).toBe(false)
    })

    test('a node that does not exist, another machine, and a wrong password are told apart', async () => {
      const nowhere = await failureOf(connect({ macs: [mac] }, { node: 'r9' }).power.off(never))
      expect(nowhere.text).toContain('has no node "r9"')
      const other = await failureOf(connect({ macs: ['52:54:00:aa:00:99'] }).power.off(never))
      expect(other.error).toMatchObject({ reason: 'other-machine' })
      const wrong = await failureOf(connect({}, { password: 'not-the-password' }).power.status(never))
      expect(wrong.error).toMatchObject({ reason: 'login' })
      expect(wrong.text).toContain(`does not accept the user "${ironicUser}" or its password`)
      expect(wrong.text).not.toContain('not-the-password')
    })
  })
})
