// What counts as a boot override that is as asked for, and which ETags are sent.
import { expect, test } from 'vitest'
import { isAsAsked } from '../../src/rack/bmc/redfish/boot.ts'
import { etagsOf } from '../../src/rack/bmc/redfish/change.ts'

const pxe = { target: 'Pxe', mode: 'UEFI' } as const
const none = { target: 'None', mode: 'UEFI' } as const
const shown = (target: string, enabled: string, mode?: string) => ({
  BootSourceOverrideTarget: target,
  BootSourceOverrideEnabled: enabled,
  ...(mode === undefined ? {} : { BootSourceOverrideMode: mode }),
})

test.each([
  ['once, in its mode', pxe, shown('Pxe', 'Once', 'UEFI'), true],
  ['for every boot', pxe, shown('Pxe', 'Continuous', 'UEFI'), true],
  ['once, by a BMC that shows no mode', pxe, shown('Pxe', 'Once'), true],
  ['another target', pxe, shown('UefiHttp', 'Once', 'UEFI'), false],
  ['another mode', pxe, shown('Pxe', 'Once', 'Legacy'), false],
  ['disabled', pxe, shown('Pxe', 'Disabled', 'UEFI'), false],
  ['nothing', pxe, undefined, false],
  ['cleared, with the target left', none, shown('Pxe', 'Disabled'), true],
  ['cleared, without a target', none, shown('None', 'Once'), true],
  ['not cleared', none, shown('Pxe', 'Once'), false],
])('%s', (_name, wanted, boot, isSo) => {
  expect(isAsAsked(wanted, boot)).toBe(isSo)
})

test.each([
  [undefined, [undefined]],
  ['"1"', ['"1"', undefined]],
  ['W/"1"', ['W/"1"', '"1"', undefined]],
])('the ETags for %s end with none', (etag, sent) => {
  expect(etagsOf(etag)).toEqual(sent)
})
