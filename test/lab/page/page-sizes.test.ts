// The sizes of the files that a machine fetched: which server the lab asks, and which answers it uses.
import { expect, test } from 'vitest'

import { urlBesideScript } from '../../../src/lab/machines/qemu/isolation.ts'
import { FetchSizes } from '../../../src/lab/page/fetch-sizes.ts'
import type { Fetched } from '../../../src/lab/cloud/fetch-trail.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { serveFiles } from '../machines/boot-files.ts'

test('asks the server of the boot script once per fetch, and no other server', async () => {
  await using files = await serveFiles({ x: '#!ipxe\n', i: 'initrd', far: { redirect: '/i' } })
  await using other = await serveFiles({ secret: 'secret' })
  using sizes = new FetchSizes()
  const fetched: Fetched[] = [
    { what: `${other.url}/secret`, ms: 1, result: 'ok' },
    { what: `${files.url}/x`, ms: 1, result: 'ok' },
    { what: `${files.url}/far`, ms: 1, result: 'ok' },
    { what: `${files.url}/none`, ms: 1, result: 'Not found (http://ipxe.org/2d0c618e)' },
    { what: `${files.url}/i`, ms: 1, result: 'ok' },
    { what: `${files.url}/i` },
  ]
  const add = () => sizes.add(fetched, { ipxeScriptUrl: `${files.url}/x` }).map(({ sizeBytes }) => sizeBytes)
  await waitUntil(add, (found) => found[4] !== undefined)
  expect(add()).toEqual([undefined, 7, undefined, undefined, 6, undefined])
  expect(files.requests.map(({ path }) => path)).toEqual(['x', 'far', 'i'])
  expect(other.requests).toEqual([])
})

test.each<[script: string | null, url: string, local: string | undefined]>([
  ['http://files:8080/x', 'http://files:8080/a/k?b', 'http://files:8080/a/k?b'],
  ['http://10.0.2.2:8080/x', 'http://10.0.2.2:8080/k', 'http://127.0.0.1:8080/k'],
  // The URL as an isolated machine knows it.
  ['http://files:8080/x', 'http://10.0.2.2:8080/k', 'http://files:8080/k'],
  ['http://[::1]:8080/x', 'http://[::1]:8080/k', 'http://[::1]:8080/k'],
  ['http://files:8080/x', 'http://10.0.2.2:22/k', undefined],
  ['http://files:8080/x', 'http://files:8081/k', undefined],
  ['http://files:8080/x', 'http://files:8080@evil/k', undefined],
  ['http://files:8080/x', 'http://files:8080.evil/k', undefined],
  ['http://files:8080/x', '/k', undefined],
  ['https://files/x', 'https://files/k', undefined],
  [null, 'http://127.0.0.1/k', undefined],
])('beside the script %s, %s is %s', (ipxeScriptUrl, url, local) => {
  expect(urlBesideScript({ ipxeScriptUrl }, url)).toBe(local)
})
