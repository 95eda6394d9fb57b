// Reports of Ignition and Afterburn, and those in the service's documentation: `phone_home_url` without its last part, and /events.
import { expect, test } from 'vitest'

import { bootUrlOf } from '../../helpers/lab.ts'
import { startClientLab, userdata } from './client.ts'

test.each<[name: string, body: string, event: object]>([
  [
    'Ignition, without a code',
    '{"state":"running","message":"[fetch] Ignition status: finished successfully"}',
    { type: 'user.1000', state: 'running', body: '[fetch] Ignition status: finished successfully' },
  ],
  ['a code as a string', '{"state":"succeeded","code":"1001","message":"up"}', { type: 'user.1001', body: 'up' }],
  ['a code as a number', '{"state":"failed","code":1099,"message":"down"}', { type: 'user.1099', state: 'failed' }],
])('%s', async (_, body, event) => {
  await using own = await startClientLab()
  const { id } = await own.createActive({
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'custom_ipxe',
    userdata,
  })
  const metadata = await (await fetch(`${bootUrlOf(own.lab, id)}/metadata`, { headers: { accept: '*/*' } })).json()
  const home = String(Reflect.get(Object(metadata), 'phone_home_url')).replace(/\/phone-home$/, '')
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${home}/events`, { method: 'POST', headers, body })
  expect([response.status, await response.text()]).toEqual([200, ''])
  expect((await own.send(200, 'GET', `/devices/${id}/events`)).events[0]).toMatchObject(event)
})

test('packet-networking finds in the metadata what it writes to the network files', async () => {
  await using own = await startClientLab()
  const system = { operating_system: 'custom_ipxe', userdata }
  const { id } = await own.createActive({ plan: 'c3.small.x86', metro: 'ny', hostname: 'box', ...system })
  const metadata: unknown = await (await fetch(`${bootUrlOf(own.lab, id)}/metadata`)).json()
  const address = { address: expect.any(String), netmask: expect.any(String), network: expect.any(String) }
  const reach = { gateway: expect.any(String), cidr: expect.any(Number), enabled: true, management: true }
  expect(metadata).toMatchObject({
    hostname: 'box',
    plan: 'c3.small.x86',
    operating_system: { distro: expect.any(String), version: expect.any(String) },
    private_subnets: [expect.any(String)],
    network: {
      bonding: { mode: expect.any(Number) },
      interfaces: [
        { name: 'eth0', mac: expect.stringMatching(/^([\da-f]{2}:){5}[\da-f]{2}$/), bond: 'bond0' },
        { name: 'eth1', mac: expect.any(String), bond: 'bond0' },
      ],
      addresses: expect.arrayContaining([
        expect.objectContaining({ ...address, ...reach, address_family: 4, public: true }),
        expect.objectContaining({ ...address, ...reach, address_family: 6, public: true }),
        expect.objectContaining({ ...address, ...reach, address_family: 4, public: false }),
      ]),
    },
  })
})
