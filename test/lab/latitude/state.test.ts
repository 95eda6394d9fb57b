import { expect, test } from 'vitest'

import { statusOf } from '../../../src/lab/latitude/model/state.ts'
import { makeDevice } from '../cloud/make-device.ts'

test.each([
  ['off', { state: 'queued' }],
  ['deploying', { state: 'provisioning', percentage: 20 }],
  ['on', { state: 'active' }],
  ['rescue_mode', { state: 'active', inRescue: true }],
  ['on', { state: 'powering_off' }],
  ['off', { state: 'inactive' }],
  ['off', { state: 'powering_on' }],
  ['reinstalling', { state: 'reinstalling', percentage: 100 }],
  ['disk_erasing', { state: 'reinstalling', percentage: 0 }],
  ['disk_erasing', { state: 'reinstalling', percentage: 20 }],
  ['deploying', { state: 'reinstalling', percentage: 40 }],
  ['failed_deployment', { state: 'failed' }],
  ['deleting', { state: 'deprovisioning' }],
] as const)('%s is the state of %j', (status, fields) => {
  expect(statusOf(makeDevice(fields))).toBe(status)
})
