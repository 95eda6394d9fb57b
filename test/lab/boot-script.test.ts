import { expect, test } from 'vitest'

import { bootScript } from '../../src/lab/boot-script.ts'
import { findMetro, findOperatingSystem, findPlan } from '../../src/lab/catalogue.ts'
import { createDevice } from '../../src/lab/device.ts'
import type { Device } from '../../src/lab/device.ts'

function deviceWith(change: Partial<Device>): Device {
  const plan = findPlan('baremetal_2a')
  const metro = findMetro('dc')
  const operatingSystem = findOperatingSystem('custom_ipxe')
  if (plan === undefined || metro === undefined || operatingSystem === undefined)
    throw new Error('not in the catalogue')
  const device = createDevice('project', {
    plan,
    metro,
    facilityCode: 'dc13',
    operatingSystem,
    hostname: 'box',
    description: null,
    billingCycle: 'hourly',
    ipxeScriptUrl: 'http://192.0.2.1/x.ipxe',
    userdata: '',
    customdata: {},
    alwaysPxe: false,
    locked: false,
    networkFrozen: false,
    tags: [],
    terminationTime: null,
    keyIds: [],
  })
  return Object.assign(device, change)
}

const head = `#!ipxe

set iface eth0 || shell
set tinkerbell http://lab/boot/ID
set metadata_url http://lab/boot/ID
set syslog_host 127.0.0.1
set ipxe_cloud_config packet
echo Lab of metalkit - iPXE boot of box

imgfetch \${tinkerbell}/phone-home?type=provisioning.104.01 ||
imgfree

set packet_facility dc13
set packet_plan c1.large.arm
`

test.each<[name: string, change: Partial<Device>, script: string]>([
  ['the first boot chains to the script', {}, `${head}chain --autofree http://192.0.2.1/x.ipxe\n`],
  ['userdata stands in the script, without its mark', { userdata: '#!ipxe\necho a\nboot' }, `${head}echo a\nboot\n`],
  [
    'userdata that is no script is not for iPXE',
    { userdata: '#!/bin/sh' },
    `${head}chain --autofree http://192.0.2.1/x.ipxe\n`,
  ],
  ['the second boot goes to the disk', { pxeArmed: false }, '#!ipxe\n\nexit\n'],
  [
    'unless it is to go over the network always',
    { pxeArmed: false, alwaysPxe: true },
    `${head}chain --autofree http://192.0.2.1/x.ipxe\n`,
  ],
])('%s', (_, change, script) => {
  expect(bootScript(deviceWith(change), 'http://lab/boot/ID')).toBe(script)
})
