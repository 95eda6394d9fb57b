// A rack that is killed at each step of a wipe, with a machine whose programs switch it, and a disk that must be empty before anybody
// gets it.
import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { Namespace, needsNamespace } from '../netboot/lan.ts'
import { bootFrom, post } from './netbooting.ts'
import { RackProgram } from './rack-program.ts'
import { type Running, WiredMachine } from './wired-machine.ts'

const mac = '52:54:00:aa:00:01'

/** Each of these happens in a wipe. */
const stepsOfWipe = [
  'before set power 1',
  'after set power 1',
  'GET /boot/wipe/ID/auto.ipxe',
  'before POST',
  'after POST',
  'before status',
  'before set power 0',
  'after set power 0',
  'before set boot none',
]

describe('a rack that wipes', needsNamespace('curl'), () => {
  let folder: TestFolder
  let host: Namespace
  let machine: WiredMachine
  let rack: RackProgram
  let disk = ''
  /** Whether the wipe may go on to its report. */
  let mayReport = Promise.resolve()
  let onStep: (step: string) => Promise<void>

  /** Empties the disk, and reports until there is an answer. */
  async function wipe(report: string, isOn: () => boolean): Promise<void> {
    await mayReport
    if (!isOn()) return
    disk = ''
    for (let status = 0; isOn() && ![204, 404, 409].includes(status);) {
      await onStep('before POST')
      status = await post(host.before, report)
      await onStep('after POST')
    }
  }

  function start(): Running {
    const running = bootFrom({
      before: host.before,
      scripts: 'http://127.0.0.1:7071/boot/mac',
      mac,
      onFetch: (path) => onStep(`GET ${path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'ID')}`),
      onPrint: (text) => {
        const [, report] = /report to (\S+)/.exec(text) ?? []
        if (report !== undefined) void wipe(report, () => isOn)
      },
    })
    let isOn = true
    void running.ended.then(() => (isOn = false))
    return running
  }

  beforeAll(async () => {
    folder = makeFolder()
    host = await new Namespace().open()
    machine = await new WiredMachine(join(folder.path, 'wires'), start).open()
    machine.onWord = async (word, when) => await onStep(`${when} ${word}`)
    folder.write('wipe.ipxe', '#!ipxe\necho report to ${wipe-report}\nshell\n')
    rack = new RackProgram(
      { folder: folder.path, before: host.before },
      {
        network: { address: '127.0.0.1' },
        plans: { small: {} },
        wipe: { script: 'wipe.ipxe' },
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
    onStep = async () => {}
    mayReport = Promise.resolve()
  })

  /** Requests a device until there is one, starting the rack when it is dead. Until then the API says that there is no machine. */
  async function createOnceFree(): Promise<string> {
    return await waitUntil(
      async () => {
        // The rack has the computer for itself.
        await setTimeout(200)
        if (!rack.isRunning) {
          await rack.start().catch(() => {})
          return ''
        }
        const answer = await rack.create().catch(() => undefined)
        if (answer === undefined) return ''
        if (answer.status === 201) return String(answer.json.id)
        expect([answer.status, JSON.stringify(answer.json)]).toEqual([
          422,
          expect.stringContaining("There aren't available servers"),
        ])
        return ''
      },
      (id) => id !== '',
      240_000,
    )
  }

  async function giveBack(id: string): Promise<void> {
    await rack.waitForState(id, 'active')
    disk = 'a secret'
    await rack.call('DELETE', `/devices/${id}`)
    await rack.waitForState(id, 'gone')
  }

  async function list(...words: string[]): Promise<string> {
    const client = rack.metalkit('rack', 'list', ...words)
    expect(await client.code, client.seen.err).toBe(0)
    return client.seen.out
  }

  test('lets the device go at once, and shows the machine', { timeout: 120_000 }, async () => {
    await rack.start()
    const gate = new EventEmitter()
    mayReport = once(gate, 'open').then(() => undefined)
    await giveBack(await createOnceFree())
    await waitUntil(
      () => list('--json'),
      (text) => text.includes('it is being wiped'),
    )
    expect(JSON.parse(await list('--json'))).toEqual({
      name: 'r1',
      plan: 'small',
      state: 'wiping',
      why: 'it is being wiped',
    })
    expect(await list()).toMatch(/^r1\s+small\s+wiping\s+-\s+it is being wiped$/m)
    expect([machine.isOn, disk]).toEqual([true, 'a secret'])
    const release = rack.metalkit('rack', 'release', 'r1')
    expect(await release.code).not.toBe(0)
    expect(release.seen.err).toContain('the machine "r1" is being wiped; it is free after that')
    gate.emit('open')
    const id = await createOnceFree()
    expect([disk, rack.log]).toEqual(['', expect.not.stringMatching(/\/boot\/wipe\/[^/]+\/[0-9a-f]{32}/)])
    await giveBack(id)
  })

  test('and is killed at each step ends with an empty disk before anybody gets it', { timeout: 300_000 }, async () => {
    const id = await createOnceFree()
    const left = new Set(stepsOfWipe)
    await giveBack(id)
    onStep = async (step) => {
      // A step may happen while the rack is killed at another one.
      if (rack.isRunning && left.delete(step)) await rack.end('SIGKILL')
    }
    const next = await createOnceFree()
    onStep = async () => {}
    expect([[...left], disk]).toEqual([[], ''])
    await rack.waitForState(next, 'active')
  })
})
