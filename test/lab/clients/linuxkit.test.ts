// linuxkit run packet|equinixmetal: its SSH client has no escapes and does not query the machine while it is attached to the
// console; when the session ends it continues with its DELETE.
import { expect, test } from 'vitest'

import { fakeBzImage } from '../../helpers/image.ts'
import { bootScriptFor, serveFiles } from '../machines/boot-files.ts'
import { startClientLab } from './client.ts'
import { openConsole } from './console.ts'

async function start() {
  const files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
  files.files['x.ipxe'] = bootScriptFor(files.url)
  const own = await startClientLab({ pace: { stepMs: 300 } })
  const { id } = await own.send(201, 'POST', own.devices, {
    plan: 'c3.small.x86',
    metro: 'ny',
    operating_system: 'custom_ipxe',
    hostname: 'box',
    ipxe_script_url: `${files.url}/x.ipxe`,
  })
  const console = await openConsole(own, id)
  await console.shows('simulated machine is up: box')
  return {
    own,
    id: String(id),
    console,
    async [Symbol.asyncDispose]() {
      await own[Symbol.asyncDispose]()
      await files[Symbol.asyncDispose]()
    },
  }
}

test('~. after a newline ends the session, ~? helps, other tildes are typed', async () => {
  await using run = await start()
  const { console, own, id } = run
  console.type('echo a~b ~.\r')
  await console.shows('\na~b ~.\r\n')
  console.type('~?')
  await console.shows('~.  end this session')
  console.type('~~x\r')
  await console.shows('sh: ~x: not found')
  console.type('~/bin\r')
  await console.shows('sh: ~/bin: not found')
  console.type('~.')
  await console.ended
  await own.send(204, 'DELETE', `/devices/${id}`)
})

test('the session ends when the machine powers off, after its last output', async () => {
  await using run = await start()
  run.console.type('poweroff\r')
  await run.console.ended
  expect(run.console.seen.text).toMatch(/reboot: Power down\r\n$/)
  expect((await run.own.send(200, 'GET', `/devices/${run.id}`)).state).toBe('inactive')
  await run.own.send(204, 'DELETE', `/devices/${run.id}`)
})

test('the session ends when the API powers the machine off, and stays open when it reboots it', async () => {
  await using run = await start()
  const { console, own, id } = run
  const count = () => console.seen.text.split('simulated machine is up').length
  const before = count()
  await own.send(202, 'POST', `/devices/${id}/actions`, { type: 'reboot' })
  // The next boot is from the disk, which is empty.
  await console.shows('No bootable device.')
  expect(count()).toBe(before)
  await expect
    .poll(async () => (await own.send(200, 'GET', `/devices/${id}`)).state, { timeout: 60_000 })
    .toBe('active')
  await own.send(202, 'POST', `/devices/${id}/actions`, { type: 'power_off' })
  await console.ended
})
