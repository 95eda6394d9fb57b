// Machines that never run their boot script must not stay in provisioning, where they could not be deleted.
import { EventEmitter, once } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'

import type { MachineDriver, PowerLoss } from '../../src/lab/machines/driver.ts'
import { bootingPace, quickPace, realPace } from '../../src/lab/cloud/pace.ts'
import { lastLineOf } from '../../src/lab/machines/last-line.ts'
import { StopWatch } from '../../src/lab/machines/qemu/stop-watch.ts'
import { Qmp } from '../../src/lab/machines/qemu/qmp.ts'
import { SerialLine } from '../../src/lab/machines/serial-line.ts'
import { startTestLab, waitForState, waitUntil } from '../helpers/lab.ts'

/** A machine that prints this once and then stays silent. */
function stuckDriver(words: string, stallMs?: number) {
  const ends: PowerLoss[] = []
  let starts = 0
  const driver: MachineDriver = {
    kind: 'simulated',
    powerOn() {
      starts++
      const serial = new SerialLine()
      serial.print(words)
      const plug = new EventEmitter()
      const goOff = (loss: PowerLoss) => {
        ends.push(loss)
        plug.emit('off', loss)
      }
      const off = once(plug, 'off').then(([loss]): PowerLoss => loss)
      return Promise.resolve({
        serial,
        off,
        ...(stallMs === undefined ? {} : { stallMs }),
        stalled: (detail: string) => goOff({ reason: 'failed', detail }),
        async [Symbol.asyncDispose]() {
          goOff({ reason: 'switched-off' })
        },
      })
    },
  }
  return { driver, ends, starts: () => starts }
}

const body = { plan: 'baremetal_0', metro: 'ny', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }

describe('a machine that never runs its boot script', () => {
  test.each([
    ['Press Ctrl-B for the iPXE command line...', 'last output: "Press Ctrl-B for the iPXE command line..."'],
    ['', 'last output: none'],
  ])('fails after the deadline with its last output (%j), is off, and can be deleted', async (words, seen) => {
    const { driver, ends } = stuckDriver(words)
    await using lab = await startTestLab({ driver, pace: { provisioningMs: 300 } })
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
    await waitForState(lab, json.id, 'failed')
    const { events } = (await lab.call('GET', `/devices/${json.id}/events`)).json
    expect(events[0]).toMatchObject({ type: 'instance.failed', body: expect.stringContaining(seen) })
    await expect.poll(() => ends).toEqual([{ reason: 'switched-off' }])
    expect((await lab.call('DELETE', `/devices/${json.id}`)).status).toBe(204)
  })

  test('fails once it has been silent for the stall time of its driver', async () => {
    const { driver } = stuckDriver('iPXE\n', 200)
    await using lab = await startTestLab({ driver, pace: { provisioningMs: 600_000 } })
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
    await waitForState(lab, json.id, 'failed')
    const { events } = (await lab.call('GET', `/devices/${json.id}/events`)).json
    expect(events[0].body).toBe('the machine stalled for 0.2 s at "iPXE"')
  })
})

/** Plays the events of a QEMU with this state. @returns the detected stop */
async function play(events: readonly object[], status: string) {
  const toQemu = new PassThrough()
  const watch = new StopWatch()
  const fromQemu = new PassThrough()
  const socket = Duplex.from({ writable: toQemu, readable: fromQemu })
  const qmp: Qmp = new Qmp(socket, (event, data) => watch.see(event, data, qmp))
  const asked: string[] = []
  toQemu.on('data', (bytes: Buffer) => {
    for (const line of bytes.toString().trim().split('\n')) {
      const { id, execute } = JSON.parse(line)
      asked.push(execute)
      const answer = execute === 'query-status' ? { status, running: status === 'running' } : {}
      fromQemu.write(`${JSON.stringify({ return: answer, id })}\n`)
    }
  })
  await qmp.ready
  for (const event of events) fromQemu.write(`${JSON.stringify(event)}\n`)
  const done = qmp.execute('the-end').then(() => 'goes on' as const)
  return await Promise.race([
    watch.stopped,
    done.then(() => new Promise<'goes on'>((resolve) => setTimeout(() => resolve('goes on'), 50))),
  ])
}

test('the deadline is ten minutes, and an hour at the real pace', () => {
  expect([quickPace, bootingPace, realPace].map(({ provisioningMs }) => provisioningMs / 60_000)).toEqual([10, 10, 60])
})

test('a lab that is told to stop switches all machines off, whatever their state', async () => {
  const { driver, ends, starts } = stuckDriver('iPXE\n')
  const lab = await startTestLab({ driver, pace: { provisioningMs: 600_000 } })
  const create = async (fields: object = {}) =>
    (await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, ...fields })).json
  await create()
  await create({ locked: true })
  await waitUntil(starts, (count) => count === 2)
  const leaving = await create()
  await waitForState(lab, leaving.id, 'provisioning')
  expect((await lab.call('DELETE', `/devices/${leaving.id}?force_delete=true`)).status).toBe(204)
  expect((await create()).state).toBe('queued')
  const ended = lab[Symbol.asyncDispose]()
  await expect(ended).resolves.toBeUndefined()
  expect(ends).toEqual(Array.from({ length: starts() }, () => ({ reason: 'switched-off' })))
})

describe('a machine that QEMU stops', () => {
  test.each([
    ['KVM met an unsupported instruction', [{ event: 'STOP' }], 'internal-error', { state: 'internal-error' }],
    [
      'the disk was full',
      [{ event: 'BLOCK_IO_ERROR', data: { reason: 'No space left on device' } }, { event: 'STOP' }],
      'io-error',
      { state: 'io-error', detail: 'the disk: No space left on device' },
    ],
    [
      'the system panicked',
      [{ event: 'GUEST_PANICKED', data: { action: 'pause' } }],
      'guest-panicked',
      { state: 'guest-panicked' },
    ],
    ['it was stopped for a moment', [{ event: 'STOP' }, { event: 'RESUME' }], 'running', 'goes on'],
    ['it is being switched off', [{ event: 'SHUTDOWN' }, { event: 'STOP' }], 'paused', 'goes on'],
  ])('is noticed, with the reason: %s', async (_, events, status, expected) => {
    expect(await play(events, status)).toEqual(expected)
  })
})

test.each([
  ['a\r\nPress Ctrl-B...\r\n', 'Press Ctrl-B...'],
  ['\u001b[2J\u001b[01;01HSeaBIOS\u001b[03;01H\u001b[1miPXE\u001b[0m', 'iPXE'],
  ['', ''],
  ['\u0000\u0007\r\n  ', ''],
])('the last line of %j', (text, last) => {
  expect(lastLineOf(text)).toBe(last)
})
