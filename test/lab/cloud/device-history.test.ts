import { expect, test } from 'vitest'
import { DeviceHistory } from '../../../src/lab/cloud/device-history.ts'
import { createRecorder } from '../../helpers/recorder.ts'
import { makeDevice } from './devices.ts'

function start() {
  const report = createRecorder()
  let changes = 0
  const history = new DeviceHistory(report, () => changes++)
  return { device: makeDevice(), history, lines: report.lines, changes: () => changes }
}

test('each change of state is reported once, with its time', () => {
  const { device, history, lines, changes } = start()
  device.updatedAt = '2001-01-01T00:00:00.000Z'
  history.setState(device, 'queued')
  expect([device.updatedAt, lines, changes()]).toEqual(['2001-01-01T00:00:00.000Z', [], 0])
  history.setState(device, 'provisioning')
  expect([device.state, lines, changes()]).toEqual(['provisioning', ['lab: box: queued -> provisioning'], 1])
  expect(Date.parse(device.updatedAt)).toBeGreaterThan(Date.parse('2001-01-01T00:00:00.000Z'))
})

test('a failure is an event with its reason, and has a time until the device is something else', () => {
  const { device, history } = start()
  history.fail(device, 'no room')
  expect(device).toMatchObject({ state: 'failed', failedAt: device.updatedAt })
  expect(device.events).toMatchObject([{ type: 'instance.failed', state: 'failed', body: 'no room' }])
  history.setState(device, 'reinstalling')
  expect(device.failedAt).toBe(null)
})

test('provisioning events are kept apart, by their type', () => {
  const { device, history, changes } = start()
  history.tell(device, 'provisioning.101')
  history.tell(device, 'user.1000', 'up')
  expect(Object.keys(device.provisioned)).toEqual(['provisioning.101'])
  expect(device.events.map(({ body }) => body)).toEqual(['Provisioning started', 'up'])
  expect(changes()).toBe(2)
})
