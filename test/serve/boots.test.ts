// The booting machines: as recorded, as a table in a terminal, and on the page, static and live.
import { once } from 'node:events'
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { renderBootLines, renderBootRows } from '../../src/serve/boot-table.ts'
import { Boots, bootStepOf } from '../../src/serve/boots.ts'
import { renderPage } from '../../src/serve/page.ts'
import { startTransfer, type Transfer } from '../../src/serve/transfer.ts'
import { findProgram, needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { request, serve, until } from './help-serve.ts'

test.each([
  ['linuxkit-equinixmetal.ipxe', 'script'],
  ['linuxkit-kernel', 'kernel'],
  ['vmlinuz-6.1', 'kernel'],
  ['bzImage', 'kernel'],
  ['linuxkit-initrd.img', 'initrd'],
  ['initramfs.cpio', 'initrd'],
  ['kernel-initrd.img', 'initrd'],
  ['readme.txt', undefined],
])('%s is a %s', (file, step) => expect(bootStepOf(file)).toBe(step))

const at = new Date('2026-01-02T03:04:05Z')
const transfer = (client: string, path: string, more: Partial<Transfer> = {}): Transfer => ({
  ...startTransfer(undefined, client),
  at,
  method: 'GET',
  path,
  status: 200,
  startedMs: 1000,
  ...more,
})

/** Three machines: one halfway through its initrd, one that failed, one that has finished. */
function makeBoots(): Boots {
  const boots = new Boots()
  const done = (client: string, path: string, bytes: number, endedMs: number) =>
    boots.see(transfer(client, path, { bytes, promisedBytes: bytes, endedMs }))
  done('192.0.2.3', '/x.ipxe', 300, 1001)
  done('192.0.2.3', '/x-kernel', 8_000_000, 2000)
  done('192.0.2.3', '/x-initrd.img', 100_000_000, 6000)
  boots.see(transfer('192.0.2.2', '/x.ipxe', { status: 404, endedMs: 1001, bytes: 14 }))
  boots.see(
    transfer('192.0.2.2', '/x-kernel', { bytes: 4_000_000, promisedBytes: 8_000_000, cut: 'aborted', endedMs: 9 }),
  )
  done('192.0.2.1', '/x.ipxe', 300, 1001)
  boots.see(transfer('192.0.2.1', '/a/x-initrd.img?y', { bytes: 45_600_000, promisedBytes: 100_000_000 }))
  boots.see(transfer('192.0.2.1', '/readme.txt'))
  boots.see(transfer('192.0.2.1', '/x-kernel', { method: 'HEAD' }))
  return boots
}

test('boots are rendered as lines for a terminal', () => {
  const boots = makeBoots().list(5000)
  expect(renderBootLines(boots, 10).split('\n')).toEqual([
    'machine    script  kernel                initrd',
    '192.0.2.1  done    -                     45% 45.6/100.0 MB 11 MB/s',
    '192.0.2.2  404     aborted at 4.0 MB     -',
    '192.0.2.3  done    done 8.0 MB 8.0 MB/s  done 100.0 MB 20 MB/s',
  ])
  expect(renderBootLines(boots, 1).split('\n').at(-1)).toBe('and 2 more')
  expect(renderBootLines([], 10)).toBe('')
})

test('boots are rendered as HTML rows with escaped names', () => {
  const boots = new Boots()
  boots.see(transfer('192.0.2.1', '/%3Cscript%3E%22.ipxe', { endedMs: 1001 }))
  const rows = renderBootRows(boots.list(5000))
  expect(rows).toBe('<tr><td>192.0.2.1<td>03:04:05<td class="done" title="&lt;script&gt;&#34;.ipxe">done<td>–<td>–')
  expect(renderBootRows(makeBoots().list(5000))).toContain(
    '<progress max="100000000" value="45600000"></progress> 45% ',
  )
})

test('a new script starts a new boot, and only the most recent machines are kept', () => {
  const boots = makeBoots()
  boots.see(transfer('192.0.2.3', '/x.ipxe'))
  expect(boots.list()[0]).toMatchObject({ client: '192.0.2.3', steps: { script: { state: 'running' } } })
  expect(Object.keys(boots.list()[0]?.steps ?? {})).toEqual(['script'])
  for (let i = 0; i < 300; i++) boots.see(transfer(`2001:db8::${i}`, '/x.ipxe'))
  expect(boots.list()).toHaveLength(256)
  expect(boots.list()[0]?.client).toBe('2001:db8::299')
})

describe('the page', () => {
  let folder: TestFolder
  const browser = {
    Accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  }

  beforeAll(async () => {
    folder = makeFolder()
    await writeFile(join(folder.path, 'x-kernel'), 'kernel')
    await writeFile(join(folder.path, 'a&b'), 'ab')
    await mkdir(join(folder.path, 'sub'))
  })
  afterAll(() => folder[Symbol.dispose]())

  test('is for browsers; machines and curl get the plain listing', async () => {
    await using server = await serve(folder.path)
    const { port } = server.address
    const page = await request(port, '/', browser)
    expect(page.headers).toMatchObject({ 'cache-control': 'no-store', vary: 'Accept, User-Agent' })
    expect(page.body).toContain('<a href="a%26b">a&amp;b</a><td class="size" title="2 bytes">2 bytes<td>20')
    const text = Buffer.from(page.body, 'latin1').toString()
    expect(text).toContain(`<title>${basename(folder.path)}/ – metalkit</title>`)
    expect(text).toContain(`<p class="tool">Served by metalkit</p>\n<h1>${basename(folder.path)}/</h1>`)
    expect(text).not.toContain(folder.path)
    expect(page.body).toContain('<a href="sub/">sub/</a>')
    expect(page.body).not.toContain('../')
    const below = await request(port, '/sub/', browser)
    expect(below.body).toContain('<a href="../">../</a>')
    expect(below.body).toContain(`<h1>${basename(folder.path)}/sub/</h1>`)
    for (const headers of [{}, { 'User-Agent': 'curl/8', Accept: '*/*' }, { 'User-Agent': 'iPXE/1.0' }]) {
      const { body } = await request(port, '/', headers)
      expect(body).toContain('<pre>')
      expect(body).not.toContain('<script>')
    }
    expect((await request(port, '/x-kernel', browser)).body).toBe('kernel')
  })

  test('shows the boots in its HTML, and reloads itself without scripts', async () => {
    await using server = await serve(folder.path)
    const { port } = server.address
    expect((await request(port, '/', browser)).body).toContain('No machine has requested anything yet.')
    await request(port, '/x-kernel')
    await until(() => server.lines.length === 2)
    const body = Buffer.from((await request(port, '/', browser)).body, 'latin1').toString()
    expect(body).toMatch(/<tr><td>127\.0\.0\.1<td>\d\d:\d\d:\d\d<td>–<td class="done" title="x-kernel">done<td>–/)
    expect(body).toContain('<noscript><meta http-equiv="refresh"')
  })

  test('fits a phone', { ...needs('chromium'), timeout: 120_000 }, async () => {
    await using server = await serve(folder.path)
    await writeFile(join(folder.path, 'x-initrd.img'), '')
    await truncate(join(folder.path, 'x-initrd.img'), 300e6)
    // A client that stops reading, so that its download stays halfway.
    const reader = connect(server.address.port, '127.0.0.1')
    reader.on('error', () => {})
    reader.pause().write('GET /x-initrd.img HTTP/1.1\r\nHost: a\r\n\r\n')
    const executablePath = findProgram('chromium') ?? ''
    await using browserProcess = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
    const page = await browserProcess.newPage({ viewport: { width: 375, height: 667 } })
    await page.goto(`${server.url}/`)
    await page.locator('#boots progress').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375)
    reader.destroy()
  })

  test.each([360, 1280])(
    'breaks no address at %i pixels',
    { ...needs('chromium'), timeout: 120_000 },
    async (width) => {
      const boots = new Boots()
      for (const client of [
        '192.168.100.200',
        '2001:db8:1234:5678:9abc:def0:1234:5678',
        'fe80::9abc:def0:1234:5678%enp0s31f6',
      ]) {
        boots.see(transfer(client, '/x.ipxe', { endedMs: 1001 }))
        boots.see(transfer(client, '/x-kernel', { bytes: 12e6, promisedBytes: 12e6, endedMs: 2000 }))
        boots.see(transfer(client, '/x-initrd.img', { bytes: 61e6, promisedBytes: 135e6 }))
      }
      const executablePath = findProgram('chromium') ?? ''
      await using browserProcess = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
      const page = await browserProcess.newPage({ viewport: { width, height: 700 } })
      await page.setContent(renderPage({ root: 'build', path: '/' }, [], boots.list(5000)))
      const lines = await page.evaluate(`[...document.querySelectorAll('#boots td:first-child')].map((cell) => {
      const range = document.createRange()
      range.selectNodeContents(cell)
      return range.getClientRects().length
    })`)
      expect(lines).toEqual([1, 1, 1])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    },
  )

  test('receives updates without a line in the log, and lets the server close', async () => {
    const server = await serve(folder.path, { closeTimeoutMs: 60_000 })
    const socket = connect(server.address.port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n')
    await until(() => text.includes('No machine'))
    expect(text).toContain('Content-Type: text/event-stream\r\n')
    await request(server.address.port, '/x-kernel')
    await until(() => /data: .*x-kernel.*\n\n/.test(text))
    expect(server.lines).toHaveLength(1)
    const ended = once(socket, 'close')
    await server[Symbol.asyncDispose]()
    await ended
    expect(server.lines).toHaveLength(1)
  })
})
