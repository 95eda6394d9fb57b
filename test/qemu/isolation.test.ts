// The services of this computer that an image can reach: everything on loopback, or with --isolate only the lab and its boot files.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { fetchScript, passagesOf } from '../../src/lab/machines/qemu/isolation.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { startTestLab } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { startBootServer } from './boot-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-isolation-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an image', { ...needs('qemu-system-x86_64', 'qemu-system-aarch64'), timeout: 120_000 }, () => {
  test.each([
    ['baremetal_0', true],
    ['baremetal_0', false],
    ['c3.large.arm64', true],
    ['c3.large.arm64', false],
  ])('on %s reaches its own files, and with --isolate (%j) no other service', async (plan, isolate) => {
    await using secret = await startBootServer({ '/secret': '#!ipxe\n' })
    await using server = await startBootServer({ '/end': '#!ipxe\nsleep 600\n' })
    const other = secret.url.replace('127.0.0.1', '10.0.2.2')
    server.scripts['/x.ipxe'] =
      `#!ipxe\nset base-url ${server.url}\nchain ${other}/secret ||\nchain ${secret.url}/secret ||\nchain \${base-url}/end\n`
    const report = createRecorder()
    const driver = await createQemuDriver({ diskFolder: folder, accelerator: 'tcg', report })
    await using lab = await startTestLab({ driver, isolate, capacity: { memoryMib: 2 ** 20, cpus: 64 } })
    const body = { plan, metro: 'ny', operating_system: 'custom_ipxe', ipxe_script_url: `${server.url}/x.ipxe` }
    await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
    await expect.poll(() => server.asked, { timeout: 100_000 }).toEqual(['/x.ipxe', '/end'])
    expect(secret.asked).toEqual(isolate ? [] : ['/secret', '/secret'])
  })
})

test('a script URL has one passage, whatever else it contains', async () => {
  const lab = { host: '127.0.0.1', port: 7070 }
  const own = { guestPort: 7070, ...lab }
  const of = (ipxeScriptUrl: string | null) => passagesOf({ ipxeScriptUrl }, lab)
  expect(of('http://127.0.0.1:8080/x')).toEqual([own, { guestPort: 8080, host: '127.0.0.1', port: 8080 }])
  expect(of('http://10.0.2.2/x')).toEqual([own, { guestPort: 80, host: '127.0.0.1', port: 80 }])
  expect(of('http://192.0.2.1:7070/x')).toEqual([own, { guestPort: 7071, host: '192.0.2.1', port: 7070 }])
  expect(of('http://127.0.0.1:7070/x')).toEqual([own])
  for (const none of [null, '', 'https://example.com/x', "http://x';y/z", 'http://a"b/'])
    expect(of(none)).toEqual([own])
  expect(await fetchScript({ ipxeScriptUrl: 'https://example.com/x' }, lab)).toEqual({
    error: '"https://example.com/x" is not an http URL',
  })
})

test('a redirect cannot lead the fetch of a script to another service', async () => {
  await using secret = await startBootServer({ '/secret': 'secret' })
  const { createServer } = await import('node:http')
  const { close, listen } = await import('../helpers/port.ts')
  const server = createServer((_, response) => response.writeHead(302, { location: `${secret.url}/secret` }).end())
  const port = await listen(server)
  const fetched = await fetchScript({ ipxeScriptUrl: `http://127.0.0.1:${port}/x` }, { host: '127.0.0.1', port: 1 })
  await close(server)
  expect(fetched).toEqual({ error: expect.stringContaining('Network unreachable') })
  expect(secret.asked).toEqual([])
})
