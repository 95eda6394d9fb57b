// Wipes of machines that a BMC switches: over IPMI and over Redfish. A machine whose BMC dies in the middle of its wipe is not free before
// it was seen to be off.
import { EventEmitter, once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { configureSim, simUser } from '../ipmi-sim.ts'
import { Namespace, needsNamespace } from '../netboot/lan.ts'
import { type RedfishBmc, startRedfishBmc, type SwitchedMachine } from '../redfish-bmc.ts'
import { bound } from './boards.ts'
import { bootFrom, post } from './netbooting.ts'
import { type RunningBmc, startBmc } from './pyghmi.ts'
import { RackProgram } from './rack-program.ts'
import { WiredMachine } from './wired-machine.ts'

// The Redfish BMC shows the first.
const macs = { redfish: '52:54:00:aa:00:01', ipmi: '52:54:00:aa:00:02' }
type Name = keyof typeof macs
const ports: Record<Name, number> = { ipmi: 6231, redfish: 6443 }
const names: Name[] = ['ipmi', 'redfish']

const patienceMs = 150_000

/** A BMC's network: if it is killed, all connections are cut. */
const relay = `const net = require('node:net')
net.createServer((near) => {
  const far = net.connect(process.argv[1])
  for (const end of [near, far]) end.on('error', () => { near.destroy(); far.destroy() })
  near.pipe(far).pipe(near)
}).listen(Number(process.argv[2]), '127.0.0.1')`

describe('a rack that wipes over a BMC', needsNamespace('curl', 'ss', 'ipmi_sim', 'ipmitool', 'openssl'), () => {
  let folder: TestFolder
  let host: Namespace
  let rack: RackProgram
  let fake: RedfishBmc
  let machines: Record<Name, WiredMachine>
  let bmcs: Record<Name, RunningBmc>
  const disks: Record<Name, string> = { ipmi: '', redfish: '' }
  /** Called at each step of a machine. */
  const onStep: Record<Name, (step: string) => Promise<void>> = { ipmi: async () => {}, redfish: async () => {} }

  /** Empties a machine's disk, and reports until there is an answer. */
  async function wipe(name: Name, report: string, isOn: () => boolean): Promise<void> {
    await onStep[name]('before POST')
    if (!isOn()) return
    disks[name] = ''
    while (isOn() && ![204, 404, 409].includes(await post(host.before, report))) await setTimeout(200)
  }

  async function wire(name: Name): Promise<WiredMachine> {
    const start = () => {
      let isOn = true
      const running = bootFrom({
        before: host.before,
        scripts: 'http://127.0.0.1:7071/boot/mac',
        mac: macs[name],
        onFetch: () => {},
        onPrint: (text) => {
          const [, report] = /report to (\S+)/.exec(text) ?? []
          if (report !== undefined) void wipe(name, report, () => isOn)
        },
      })
      void running.ended.then(() => (isOn = false))
      return running
    }
    const machine = await new WiredMachine(join(folder.path, `wires-${name}`), start).open()
    machine.onWord = async (word, when) => await onStep[name](`${when} ${word}`)
    return machine
  }

  /** The machine as the Redfish BMC has it, with the steps of its wires. */
  function stepping(machine: WiredMachine): SwitchedMachine {
    return {
      get isOn() {
        return machine.isOn
      },
      set boot(source: string) {
        machine.boot = source
      },
      get boot() {
        return machine.boot
      },
      switchOn() {
        machine.switchOn()
        void onStep.redfish('after set power 1')
      },
      cut: () => machine.cut(),
      reset: () => machine.reset(),
    }
  }

  beforeAll(async () => {
    folder = makeFolder()
    host = await new Namespace().open()
    machines = { ipmi: await wire('ipmi'), redfish: await wire('redfish') }
    for (const name of names) mkdirSync(join(folder.path, name))
    const socket = join(folder.path, 'redfish', 'socket')
    fake = await startRedfishBmc(join(folder.path, 'redfish'), {}, { machine: stepping(machines.redfish), socket })
    const sim = configureSim(join(folder.path, 'ipmi'), { port: ports.ipmi, chassis: machines.ipmi.program })
    const door = [process.execPath, '-e', relay, socket, String(ports.redfish)]
    bmcs = {
      ipmi: await startBmc([...host.before, ...sim], bound(host, 'u', ports.ipmi)),
      redfish: await startBmc([...host.before, ...door], bound(host, 't', ports.redfish)),
    }
    folder.write('wipe.ipxe', '#!ipxe\necho report to ${wipe-report}\nshell\n')
    const login = { user: simUser, password: { env: 'BMC_PASSWORD' } }
    const powers: Record<Name, unknown> = {
      ipmi: { ipmi: `127.0.0.1:${ports.ipmi}`, ...login, cipher: 3 },
      redfish: { redfish: `https://127.0.0.1:${ports.redfish}`, ...login, certificate: fake.fingerprint },
    }
    rack = new RackProgram(
      { folder: folder.path, before: host.before },
      {
        network: { address: '127.0.0.1' },
        wipe: { script: 'wipe.ipxe' },
        plans: { ipmi: {}, redfish: {} },
        machines: names.map((name) => ({
          name,
          plan: name,
          macs: [macs[name]],
          firmware: 'bios',
          power: powers[name],
        })),
      },
    )
    await rack.start()
  })
  afterAll(async () => {
    await rack?.[Symbol.asyncDispose]()
    await fake?.[Symbol.asyncDispose]()
    for (const name of names) {
      await bmcs?.[name][Symbol.asyncDispose]()
      await machines?.[name][Symbol.asyncDispose]()
    }
    await host.close()
    folder[Symbol.dispose]()
  })

  /** A machine in the rack's list. Whenever it is free, it must be off, and empty. */
  async function look(name: Name): Promise<{ state: string; why?: string }> {
    const client = rack.metalkit('rack', 'list', '--json')
    expect(await client.code, client.seen.err).toBe(0)
    const lines = client.seen.out.trim().split('\n')
    const rows: { name: string; state: string; why?: string }[] = lines.map((line) => JSON.parse(line))
    const row = rows.find((each) => each.name === name)
    if (row === undefined) throw new Error(`no ${name} in ${client.seen.out}`)
    if (row.state === 'free') expect([name, machines[name].isOn, disks[name]]).toEqual([name, false, ''])
    return row
  }

  async function isRefused(name: Name): Promise<void> {
    const { status, json } = await rack.create({ plan: name })
    expect([status, JSON.stringify(json)]).toEqual([422, expect.stringContaining("There aren't available servers")])
  }

  async function becomes(name: Name, isSo: (row: { state: string; why?: string }) => boolean): Promise<void> {
    await waitUntil(() => look(name), isSo, patienceMs)
  }

  /** A device has the machine, writes to its disk, and gives it back. */
  async function giveBack(name: Name, heed: (step: string) => Promise<void>): Promise<void> {
    await becomes(name, ({ state }) => state === 'free')
    const { json } = await rack.create({ plan: name })
    await rack.waitForState(json.id, 'active')
    disks[name] = 'a secret'
    onStep[name] = heed
    await rack.call('DELETE', `/devices/${json.id}`)
    await rack.waitForState(json.id, 'gone')
  }

  /** Both at once: most of the time somebody waits for a BMC. */
  async function onBoth(live: (name: Name) => Promise<void>): Promise<void> {
    await Promise.all(names.map(live))
  }

  test('has a machine back that it has seen off, wiped and seen off again', async () => {
    await onBoth(async (name) => {
      const gate = new EventEmitter()
      const mayReport = once(gate, 'open')
      const before = machines[name].starts
      await giveBack(name, async (step) => {
        if (step === 'before POST') await mayReport
      })
      await becomes(name, ({ why }) => why === 'it is being wiped')
      await isRefused(name)
      expect([name, machines[name].isOn, disks[name]]).toEqual([name, true, 'a secret'])
      gate.emit('open')
      await becomes(name, ({ state }) => state === 'free')
      // Once for the device, and once for the wipe.
      expect([name, machines[name].starts - before, machines[name].boot]).toEqual([name, 2, 'none'])
    })
  })

  // Where it dies before it switches its machine off, the machine is on and has reported, as in the second row.
  test.each([
    ['after it has switched its machine on', 'after set power 1'],
    ['while the wipe runs', 'before POST'],
  ])('holds a machine whose BMC dies %s', { timeout: 300_000 }, async (_, at) => {
    await onBoth(async (name) => {
      const death = new EventEmitter()
      const dead = once(death, 'dead')
      await giveBack(name, async (step) => {
        if (step !== at) return
        onStep[name] = async () => {}
        // A rack that has not seen the machine on waits for that, for 90 s.
        if (at === 'before POST') await setTimeout(4000)
        await bmcs[name].kill()
        death.emit('dead')
      })
      await dead
      await becomes(name, ({ why = '' }) => why.includes('does not answer'))
      await isRefused(name)
      expect([name, machines[name].isOn, (await look(name)).state]).toEqual([name, true, 'wiping'])
      await bmcs[name].start()
      await becomes(name, ({ state }) => state === 'free')
      expect([name, machines[name].boot]).toEqual([name, 'none'])
    })
  })
})
