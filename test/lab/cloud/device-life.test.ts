import { EventEmitter, once } from 'node:events'
import { expect, test } from 'vitest'
import { LabError } from '../../../src/errors.ts'
import { DeviceLife } from '../../../src/lab/cloud/life/device-life.ts'
import { quickPace } from '../../../src/lab/cloud/pace.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { createRecorder } from '../../helpers/recorder.ts'
import { makeDevice } from './make-device.ts'

/** The life of a device whose machine does not switch on. */
function start() {
  const report = createRecorder()
  let changes = 0
  const device = makeDevice()
  const life = new DeviceLife(device, {
    noun: 'lab',
    driver: { kind: 'simulated', powerOn: () => Promise.reject(new LabError('no room')) },
    pace: { ...quickPace, queuedMs: 1, stepMs: 1 },
    bootUrlOf: () => 'http://127.0.0.1/auto.ipxe',
    report,
    onChange: () => changes++,
  })
  const hasState = (state: string) =>
    waitUntil(
      () => device.state,
      (now) => now === state,
    )
  return { device, life, lines: report.lines, changes: () => changes, hasState }
}

test('each change of state is reported once, with its time', async () => {
  const { device, life, lines, changes, hasState } = start()
  await using _ = life
  device.updatedAt = '2001-01-01T00:00:00.000Z'
  life.act('power_off')
  expect([device.state, lines, changes()]).toEqual(['powering_off', ['lab: box: queued -> powering_off'], 1])
  expect(Date.parse(device.updatedAt)).toBeGreaterThan(Date.parse('2001-01-01T00:00:00.000Z'))
  await hasState('inactive')
  expect(lines.filter((line) => line.includes('->'))).toEqual([
    'lab: box: queued -> powering_off',
    'lab: box: powering_off -> inactive',
  ])
})

test('a failure is an event with its reason, and has a time until the state changes', async () => {
  const { device, life, hasState } = start()
  await using _ = life
  life.provision()
  await hasState('failed')
  expect(device).toMatchObject({ state: 'failed', failedAt: device.updatedAt })
  expect(device.events.at(-1)).toMatchObject({ type: 'instance.failed', state: 'failed', body: 'lab: no room' })
  life.act('reinstall')
  expect([device.state, device.failedAt]).toEqual(['reinstalling', null])
})

test('provisioning events are stored separately, by type', () => {
  const { device, life, lines, changes } = start()
  life.tell('provisioning.101')
  life.tell('user.1000', 'up')
  expect(Object.keys(device.provisioned)).toEqual(['provisioning.101'])
  expect(device.events.map(({ body }) => body)).toEqual(['Provisioning started', 'up'])
  expect([changes(), lines]).toEqual([2, ['lab: box: Provisioning started', 'lab: box: up']])
})

test('hardware is switched on only once its device is on disk', async () => {
  const events: string[] = []
  const disk = new EventEmitter()
  const device = makeDevice({ machine: 'r1' })
  await using life = new DeviceLife(device, {
    noun: 'lab',
    driver: {
      kind: 'rack',
      powerOn() {
        events.push('switched on')
        throw new LabError('no room')
      },
    },
    pace: { ...quickPace, queuedMs: 1, stepMs: 1 },
    bootUrlOf: () => 'http://127.0.0.1/auto.ipxe',
    report: createRecorder(),
    onChange: () => {},
    async saved() {
      events.push('saving')
      await once(disk, 'written')
      events.push('saved')
    },
  })
  life.provision()
  await waitUntil(
    () => events,
    (all) => all.length > 0,
  )
  expect(events).toEqual(['saving'])
  disk.emit('written')
  await waitUntil(
    () => device.state,
    (state) => state === 'failed',
  )
  expect(events).toEqual(['saving', 'saved', 'switched on'])
})
