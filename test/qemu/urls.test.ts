// iPXE fetches the URLs that the check accepts and refuses: accepted URLs arrive as Node would send them, and no others do.
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ipxeUrls } from '../helpers/ipxe-urls.ts'
import { needs } from '../helpers/needs.ts'
import { close, listen } from '../helpers/port.ts'

/** A path as a server understands it; "%2F" is not a separator. */
function decode(path: string): string {
  return path.replaceAll(/%(?!2f)([0-9a-f]{2})/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
}

/** The path that Node requests, if it equals the written one. */
function pathOf(url: string): string | undefined {
  // A single "%" means different bytes to different servers.
  if (/%(?![0-9a-f]{2})/i.test(url)) return undefined
  const { pathname, search, hash } = new URL(url)
  const path = decode(pathname + search)
  return url.endsWith(pathname + search) || (hash === '' && decode(url).endsWith(path)) ? path : undefined
}

test('iPXE agrees', { ...needs('qemu-system-x86_64'), timeout: 240_000 }, async () => {
  const asked: string[] = []
  const server = createServer((socket) => {
    let head = ''
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      head += bytes.toString('latin1')
      if (!head.endsWith('\r\n\r\n')) return
      asked.push(head.split(' ')[1] ?? '')
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
    })
  })
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-urls-'))
  const urls = ipxeUrls('10.0.2.2', await listen(server))
  const lines = urls.map(({ url }, at) => {
    const mark = `http://10.0.2.2:${new URL(urls[0]?.url ?? '').port}/mark-${at}`
    return `imgfetch --timeout 2000 --name x ${url} ||\nimgfree ||\nimgfetch --name x ${mark} ||\nimgfree ||`
  })
  await writeFile(join(folder, 'boot.ipxe'), ['#!ipxe', 'dhcp', ...lines, 'sleep 600', ''].join('\n'))
  const net = `user,id=n,tftp=${folder},bootfile=boot.ipxe`
  const args = ['-accel', 'tcg', '-m', '256', '-nodefaults', '-display', 'none', '-boot', 'n', '-netdev', net]
  const qemu = spawn('qemu-system-x86_64', [...args, '-device', 'virtio-net-pci,netdev=n'], { stdio: 'ignore' })
  try {
    await expect.poll(() => asked.at(-1), { timeout: 220_000 }).toBe(`/mark-${urls.length - 1}`)
    for (const [at, { url, problem }] of urls.entries()) {
      const from = at === 0 ? 0 : asked.indexOf(`/mark-${at - 1}`) + 1
      const request = asked.slice(from, asked.indexOf(`/mark-${at}`))[0]
      const wanted = problem !== undefined && !URL.canParse(url) ? undefined : pathOf(url)
      const arrives = request !== undefined && decode(request) === wanted
      expect([url, arrives]).toEqual([url, problem === undefined])
    }
  } finally {
    qemu.kill('SIGKILL')
    await close(server)
    await rm(folder, { recursive: true, force: true })
  }
})
