import { expect, test } from 'vitest'

import { deviceScript } from '../../../src/lab/cloud/device-script.ts'
import type { Device } from '../../../src/lab/cloud/device.ts'
import { makeDevice } from './make-device.ts'

const head = `#!ipxe

set iface eth0 || shell
set tinkerbell http://lab/boot/ID
set metadata_url http://lab/boot/ID
set syslog_host 127.0.0.1
set ipxe_cloud_config packet
echo Lab of metalkit - iPXE boot of box

imgfetch \${tinkerbell}/phone-home?type=provisioning.104.01 ||
imgfree

set packet_facility ny5
set packet_plan c3.small.x86
`

test.each<[name: string, change: Partial<Device>, script: string]>([
  ['the first boot chains to the script', {}, `${head}chain --autofree http://192.0.2.1/x.ipxe\n`],
  ['userdata is in the script, without its #!ipxe', { userdata: '#!ipxe\necho a\nboot' }, `${head}echo a\nboot\n`],
  [
    'userdata that is not a script is ignored',
    { userdata: '#!/bin/sh' },
    `${head}chain --autofree http://192.0.2.1/x.ipxe\n`,
  ],
  ['the second boot is from the disk', { pxeArmed: false }, '#!ipxe\n\nexit\n'],
  [
    'unless always_pxe is set',
    { pxeArmed: false, alwaysPxe: true },
    `${head}chain --autofree http://192.0.2.1/x.ipxe\n`,
  ],
])('%s', (_, change, script) => {
  expect(deviceScript(makeDevice(change), 'http://lab/boot/ID')).toBe(script)
})

test('iPXE boots the disk itself if that is how its machine gets there', () => {
  const script = deviceScript(makeDevice({ pxeArmed: false }), 'http://lab/boot/ID', { diskBoot: 'sanboot' })
  expect(script).toBe('#!ipxe\n\nsanboot --no-describe --drive 0x80 || exit\n')
})

test('a relayed script is that of the boot server', () => {
  expect(deviceScript(makeDevice(), 'http://lab/boot/ID', { isRelayed: true })).toBe(
    `${head}chain --autofree http://lab/boot/ID/script\n`,
  )
})
