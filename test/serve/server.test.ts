// A real server over real files, reached through plain sockets.
import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../helpers/needs.ts'
import { listen } from '../helpers/port.ts'
import type { FileSource } from '../../src/serve/server.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { exchange, parseAnswer, request, serve, until } from './help-serve.ts'
import { nowhere } from '../helpers/nowhere.ts'

let folder: TestFolder
let server: Awaited<ReturnType<typeof serve>>
const kernel = 'kernel bytes 0123456789'

beforeAll(async () => {
  folder = makeFolder()
  const at = (...names: string[]) => join(folder.path, 'root', ...names)
  await mkdir(at('sub', 'deep'), { recursive: true })
  await mkdir(at('site'))
  await mkdir(at('empty'))
  await mkdir(at('a:dir'))
  await mkdir(join(folder.path, 'root-secrets'))
  await writeFile(join(folder.path, 'secret'), 'secret')
  await writeFile(join(folder.path, 'root-secrets', 'secret'), 'secret')
  await writeFile(at('demo-kernel'), kernel)
  await utimes(at('demo-kernel'), 784111777, 784111777)
  await writeFile(at('nothing'), '')
  await writeFile(at('.hidden'), 'hidden')
  await writeFile(at('a..b'), 'dots')
  await writeFile(at('back\\slash'), 'backslash')
  await writeFile(at('site', 'index.html'), '<p>site</p>')
  for (const name of ['a b', 'a:b', '<b>&"\'', 'é', '100%', 'q?x#y', 'new\nline'])
    await writeFile(at('sub', name), name)
  await symlink('../demo-kernel', at('sub', 'link-inside'))
  await symlink('../../secret', at('sub', 'link-outside'))
  await symlink('../..', at('sub', 'folder-outside'))
  await symlink('/etc', at('sub', 'folder-absolute'))
  await symlink('../../root-secrets', at('sub', 'folder-beside'))
  await symlink('nowhere', at('sub', 'link-broken'))
  await symlink('loop', at('sub', 'loop'))
  await symlink('../site', at('sub', 'site-link'))
  execFileSync('mkfifo', [at('sub', 'pipe')])
  server = await serve(at())
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

const get = (target: string, headers: Record<string, string> = {}, method = 'GET') =>
  request(server.address.port, target, headers, method)

const sourceOf = (name: string) => ({ path: join(folder.path, 'root', name) })

/** One of several requests on a connection. */
const ask = (target: string, last = false) =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\n${last ? 'Connection: close\r\n' : ''}\r\n`

const curl = (...args: string[]) =>
  new Promise<string>((resolve, reject) => {
    execFile('curl', ['-sS', '--noproxy', '*', ...args], { encoding: 'utf8' }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    )
  })

const sha = (data: Buffer) => createHash('sha256').update(data).digest('hex')

describe('existing files', () => {
  test.each([
    ['/demo-kernel', kernel],
    ['//demo-kernel', kernel],
    ['/./demo-kernel', kernel],
    ['/demo-kernel?x=1', kernel],
    ['/%64emo-kernel', kernel],
    ['http://elsewhere/demo-kernel', kernel],
    ['/sub/link-inside', kernel],
    ['/nothing', ''],
    ['/.hidden', 'hidden'],
    ['/a..b', 'dots'],
    ['/back%5cslash', 'backslash'],
    ['/site/', '<p>site</p>'],
    ['/sub/site-link/', '<p>site</p>'],
    ['/sub/a%20b', 'a b'],
    ['/sub/a:b', 'a:b'],
    ['/sub/%C3%A9', 'é'],
    ['/sub/100%25', '100%'],
    ['/sub/q%3Fx%23y', 'q?x#y'],
  ])('%s', async (target, body) => {
    const answer = await get(target)
    expect(Buffer.from(answer.body, 'latin1').toString()).toBe(body)
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-length': String(Buffer.byteLength(body)), 'x-content-type-options': 'nosniff' },
    })
    const head = await get(target, {}, 'HEAD')
    expect(head.body).toBe('')
    expect({ ...head.headers, date: '' }).toEqual({ ...answer.headers, date: '' })
  })

  test('all headers of a file', async () => {
    const { headers } = await get('/demo-kernel')
    expect(headers).toEqual({
      'accept-ranges': 'bytes',
      connection: 'close',
      'content-length': '23',
      'content-type': 'application/octet-stream',
      date: expect.stringMatching(/GMT$/),
      etag: expect.stringMatching(/^"[0-9a-z]+-n-[0-9a-z]+-[0-9a-z]+"$/),
      'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT',
      'x-content-type-options': 'nosniff',
    })
  })

  test('ranges and conditions apply to the bytes', async () => {
    const { etag = '' } = (await get('/demo-kernel')).headers
    expect(await get('/demo-kernel', { Range: 'bytes=7-11' })).toMatchObject({ status: 206, body: 'bytes' })
    expect(await get('/demo-kernel', { Range: 'bytes=-4', 'If-Range': etag })).toMatchObject({
      status: 206,
      body: '6789',
    })
    expect(await get('/demo-kernel', { Range: 'bytes=23-' })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */23', 'content-length': '26' },
    })
    expect(await get('/demo-kernel', { 'If-None-Match': etag })).toMatchObject({ status: 304, body: '' })
    expect(await get('/demo-kernel', { 'If-Match': '"other"' })).toMatchObject({ status: 412 })
  })
})

describe('redirects', () => {
  test.each([
    ['/sub', 'sub/'],
    ['/sub/deep?a=b', 'deep/?a=b'],
    ['//sub', 'sub/'],
    ['/a:dir', 'a%3Adir/'],
    ['/sub/site-link', 'site-link/'],
    ['/site/index.html', './'],
    ['/site/index.html?a', './?a'],
    ['/demo-kernel/', '../demo-kernel'],
    ['/demo-kernel//', '../../demo-kernel'],
  ])('%s to %s', async (target, location) => {
    const answer = await get(target)
    expect(answer).toMatchObject({ status: 301, headers: { location, 'content-length': '22' } })
    const there = new URL(location, `http://host${target}`)
    expect((await get(there.pathname)).status).toBe(200)
  })
})

describe('no request leaves the folder', () => {
  test.each([
    ['/../secret', 404],
    ['/sub/../../secret', 404],
    ['/sub/../demo-kernel', 404],
    ['/%2e%2e/secret', 404],
    ['/..%2fsecret', 404],
    ['/..%5csecret', 404],
    ['/%2e%2e%2fsecret', 404],
    ['/%c0%ae%c0%ae/secret', 404],
    ['/%252e%252e/secret', 404],
    ['/....//secret', 404],
    ['/..;/secret', 404],
    ['//../secret', 404],
    ['/%2fetc/passwd', 404],
    ['//etc/passwd', 404],
    ['http://elsewhere/../secret', 404],
    ['file:///etc/passwd', 404],
    ['/../root-secrets/secret', 404],
    ['/sub/link-outside', 404],
    ['/sub/folder-outside/secret', 404],
    ['/sub/folder-outside/', 404],
    ['/sub/folder-absolute/passwd', 404],
    ['/sub/folder-beside/secret', 404],
    ['/sub/link-broken', 404],
    ['/sub/loop', 404],
    ['/sub/pipe', 404],
    ['/demo-kernel/x', 404],
    [`/${'x'.repeat(300)}`, 404],
    ['/none', 404],
    ['/demo-kernel%00.txt', 400],
    ['/%zz', 400],
    ['*', 400],
  ])('%s is %i', async (target, status) => {
    const answer = await get(target)
    expect(answer.status).toBe(status)
    expect(answer.body).toMatch(/^40[04] [A-Z][a-zA-Z ]+\n$/)
    expect(answer.headers['content-length']).toBe(String(answer.body.length))
  })
})

describe('other methods', () => {
  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT'])('%s', async (method) => {
    const answer = await get(method === 'CONNECT' ? 'elsewhere:443' : '/demo-kernel', {}, method)
    expect(answer).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD', 'content-length': '23' },
      body: '405 Method Not Allowed\n',
    })
  })
})

test('the complete listing', async () => {
  const { body, headers } = await get('/sub/')
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  const text = Buffer.from(body, 'latin1').toString()
  expect(text.replaceAll(/  \d{4}-\d\d-\d\d \d\d:\d\d/g, '  DATE')).toBe(`<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>/sub/</title>
<pre>
<a href="100%25">100%</a>         DATE   4
<a href="%3Cb%3E%26%22'">&lt;b&gt;&amp;&#34;&#39;</a>       DATE   6
<a href="a%20b">a b</a>          DATE   3
<a href="a%3Ab">a:b</a>          DATE   3
<a href="deep/">deep/</a>        DATE
<a href="link-inside">link-inside</a>  DATE  23
<a href="new%0Aline">new\u{fffd}line</a>     DATE   8
<a href="q%3Fx%23y">q?x#y</a>        DATE   5
<a href="site-link/">site-link/</a>   DATE
<a href="%C3%A9">é</a>            DATE   2
</pre>
`)
  expect(text).toContain('link-inside</a>  1994-11-06 08:49  23\n')
})

test('the links of a listing lead to the files they name', async () => {
  const { body } = await get('/sub/')
  const hrefs = [...body.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => href.replaceAll('&amp;', '&'))
  expect(hrefs).toHaveLength(10)
  for (const href of hrefs) expect((await get(new URL(href, 'http://host/sub/').pathname)).status, href).toBe(200)
})

test('an empty folder lists nothing', async () => {
  expect((await get('/empty/')).body).toMatch(/<pre>\n<\/pre>\n$/)
})

// root may read everything: a file can be unreadable only to another user.
test('an unreadable file gives 403', async () => {
  await writeFile(join(folder.path, 'root', 'locked'), 'locked', { mode: 0 })
  await mkdir(join(folder.path, 'root', 'locked-folder'), { mode: 0 })
  const isRoot = process.geteuid?.() === 0
  if (isRoot) {
    execFileSync('chmod', ['a+rx', folder.path])
    process.seteuid?.(65534)
  }
  try {
    expect((await get('/locked')).status).toBe(403)
    expect((await get('/locked-folder/')).status).toBe(403)
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

test('a replaced file is a new version', async () => {
  const path = join(folder.path, 'root', 'replaced')
  await writeFile(path, 'one')
  const one = await get('/replaced')
  await writeFile(`${path}.new`, 'two')
  await rename(`${path}.new`, path)
  const two = await get('/replaced', { 'If-None-Match': one.headers['etag'] ?? '' })
  expect([one.body, two.status, two.body]).toEqual(['one', 200, 'two'])
  await truncate(path, 1)
  expect((await get('/replaced')).headers['content-length']).toBe('1')
})

describe('named files only', () => {
  test.each([
    ['/demo-kernel', 200, kernel],
    ['//demo-kernel', 200, kernel],
    ['/demo.ipxe', 200, '#!ipxe\nécho'],
    ['/gone', 404, '404 Not Found\n'],
    ['/folder', 404, '404 Not Found\n'],
    ['/demo-kernel/', 404, '404 Not Found\n'],
    ['/sub', 404, '404 Not Found\n'],
    ['/toString', 404, '404 Not Found\n'],
  ])('%s is %i', async (target, status, body) => {
    const files = new Map<string, FileSource>([
      ['demo-kernel', sourceOf('demo-kernel')],
      ['gone', sourceOf('gone')],
      ['folder', sourceOf('sub')],
      ['demo.ipxe', { text: '#!ipxe\nécho' }],
    ])
    await using named = await serve({ kind: 'files', files })
    const answer = await request(named.address.port, target)
    expect(answer.status).toBe(status)
    expect(Buffer.from(answer.body, 'latin1').toString()).toBe(body)
    if (status !== 200) return
    const again = { 'If-None-Match': answer.headers['etag'] ?? '' }
    expect((await request(named.address.port, target, again)).status).toBe(304)
    const part = await request(named.address.port, target, { Range: 'bytes=1-3' })
    expect([part.status, part.body]).toEqual([206, body.slice(1, 4)])
  })

  test('/ lists the files that exist', async () => {
    const files = new Map<string, FileSource>([
      ['demo-kernel', sourceOf('demo-kernel')],
      ['gone', sourceOf('gone')],
      ['folder', sourceOf('sub')],
      ['demo.ipxe', { text: '#!ipxe\n' }],
    ])
    await using named = await serve({ kind: 'files', files })
    const { status, body } = await request(named.address.port, '/')
    expect(status).toBe(200)
    expect(body.match(/href="[^"]*"/g)).toEqual(['href="demo-kernel"', 'href="demo.ipxe"'])
    const page = await request(named.address.port, '/', { Accept: 'text/html', 'User-Agent': 'Mozilla/5.0' })
    expect(page.body).toContain('Machines that boot')
  })
})

describe('HTTP', () => {
  test('a client that half-closes the connection after its request gets its response', async () => {
    const text = await exchange(server.address.port, 'GET /demo-kernel HTTP/1.1\r\nHost: a\r\n\r\n', true)
    expect(parseAnswer(text)).toMatchObject({ status: 200, body: kernel })
  })

  test('HTTP/1.0', async () => {
    const text = await exchange(server.address.port, 'GET /demo-kernel HTTP/1.0\r\n\r\n')
    expect(parseAnswer(text)).toMatchObject({ status: 200, body: kernel })
  })

  test('pipelined requests are answered in order', async () => {
    const text = await exchange(server.address.port, ask('/demo-kernel') + ask('/none') + ask('/.hidden', true))
    expect(text.match(/HTTP.*|kernel bytes|^hidden$/gm)).toEqual([
      'HTTP/1.1 200 OK',
      'kernel bytes',
      'HTTP/1.1 404 Not Found',
      'HTTP/1.1 200 OK',
      'hidden',
    ])
  })

  test.each([
    ['no HTTP', 'rubbish\r\n\r\n', 400],
    ['a bad header', 'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['too many headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['an expectation', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n', 417],
  ])('%s', async (_, bytes, status) => {
    const answer = parseAnswer(await exchange(server.address.port, bytes))
    expect(answer.status).toBe(status)
    expect(answer.headers['content-length']).toBe(String(answer.body.length))
  })
})

describe('curl', needs('curl'), () => {
  test('plain, -I, -r, -C -, -z, -L', async () => {
    const url = `${server.url}/demo-kernel`
    expect(await curl(url)).toBe(kernel)
    expect(await curl('-I', url)).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Content-Length: 23\r\n/)
    expect(await curl('-r', '0-5', url)).toBe('kernel')
    const part = join(folder.path, 'part')
    await writeFile(part, kernel.slice(0, 10))
    await curl('-C', '-', '-o', part, url)
    expect(execFileSync('cat', [part], { encoding: 'utf8' })).toBe(kernel)
    expect(await curl('-z', 'Mon, 07 Nov 1994 00:00:00 GMT', '-w', '%{http_code}', url)).toBe('304')
    expect(await curl('-z', 'Mon, 07 Nov 1990 00:00:00 GMT', url)).toBe(kernel)
    expect(await curl('-L', `${server.url}/site`)).toBe('<p>site</p>')
    expect(await curl('--path-as-is', '-w', '%{http_code}', '-o', '/dev/null', `${server.url}/../secret`)).toBe('404')
  })
})

test('wget -c resumes where it stopped', needs('wget'), async () => {
  const part = join(folder.path, 'demo-kernel')
  await writeFile(part, kernel.slice(0, 10))
  // Not awaited synchronously: the server runs in this thread.
  const wget = execFile('wget', ['-q', '-c', '--no-proxy', '-P', folder.path, `${server.url}/demo-kernel`])
  expect(await once(wget, 'exit')).toEqual([0, null])
  expect(execFileSync('cat', [part], { encoding: 'utf8' })).toBe(kernel)
})

test('a file of many chunks arrives complete', async () => {
  const bytes = Buffer.alloc(3 * 256 * 1024 + 17, 'metalkit')
  await writeFile(join(folder.path, 'root', 'chunks'), bytes)
  const answer = await fetch(`${server.url}/chunks`)
  expect(sha(Buffer.from(await answer.arrayBuffer()))).toBe(sha(bytes))
  await rm(join(folder.path, 'root', 'chunks'))
})

describe('content that cannot be served', () => {
  const cases: [string, () => Promise<unknown>, string, string][] = [
    ['a missing folder', () => serve(nowhere), `folder "${nowhere}" does not exist`, 'metalkit push'],
    ['a file', () => serve(join(folder.path, 'secret')), 'is a file, not a folder', 'folder that contains it'],
    [
      'an address of another computer',
      () => serve(folder.path, { listen: { host: '192.0.2.1', port: 8080 } }),
      'cannot listen on "192.0.2.1:8080": "192.0.2.1" is not an address of this computer',
      'use an address of this computer, or :8080 for all of them',
    ],
    [
      'a host that does not resolve',
      () => serve(folder.path, { listen: { host: 'none.invalid', port: 0 } }),
      'cannot listen on "none.invalid:0": the host "none.invalid" does not resolve',
      'use an address of this computer',
    ],
  ]
  test.each(cases)('%s', async (_, start, message, hint) => {
    await expect(start()).rejects.toMatchObject({
      name: 'ServeError',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    })
  })

  test('a taken port', async () => {
    const holder = createServer()
    const port = await listen(holder)
    for (const host of ['127.0.0.1', '']) {
      await expect(serve(folder.path, { listen: { host, port } })).rejects.toMatchObject({
        name: 'ServeError',
        message: `cannot listen on "${host}:${port}": port ${port} is taken by another program`,
        hint: `choose another, such as ${host}:${port + 1}, or stop that program (ss -ltnp "sport = :${port}" names it)`,
      })
    }
    holder.close()
  })
})

test('listens on every interface with both IP versions, and has a URL for this computer', async () => {
  await using all = await serve(folder.path, { listen: { host: '', port: 0 } })
  expect(all.url).toBe(`http://127.0.0.1:${all.address.port}`)
  expect((await fetch(`${all.url}/secret`)).status).toBe(200)
  await until(() => all.lines.length > 0)
  expect(all.lines).toEqual([expect.stringContaining(' 127.0.0.1 GET /secret 200 6 bytes ')])
  if (all.address.host === '::') expect((await fetch(`http://[::1]:${all.address.port}/secret`)).status).toBe(200)
})

test('a file of more than 4 GiB', async ({ skip }) => {
  const path = join(folder.path, 'root', 'large-initrd.img')
  const size = 5 * 2 ** 30
  const text = 'twenty bytes in it.!'
  const file = await open(path, 'w')
  try {
    await file.truncate(size)
    await file.write(text, 2 ** 32 - 10)
    // Without holes, it would take 5 GiB of the disk.
    const { blocks } = await file.stat()
    skip(blocks * 512 > 2 ** 20, 'the file system has no sparse files')
    expect(await get('/large-initrd.img', {}, 'HEAD')).toMatchObject({
      status: 200,
      headers: { 'content-length': String(size), 'accept-ranges': 'bytes' },
      body: '',
    })
    const range = (first: number | string, last: number | string) =>
      get('/large-initrd.img', { Range: `bytes=${first}-${last}` })
    const headers = (first: number) => ({
      'content-length': '20',
      'content-range': `bytes ${first}-${first + 19}/${size}`,
    })
    expect(await range(2 ** 32 - 10, 2 ** 32 + 9)).toMatchObject({
      status: 206,
      headers: headers(2 ** 32 - 10),
      body: text,
    })
    expect(await range('', 20)).toMatchObject({ status: 206, headers: headers(size - 20), body: '\0'.repeat(20) })
    expect(await range(size, size + 19)).toMatchObject({
      status: 416,
      headers: { 'content-range': `bytes */${size}` },
    })
  } finally {
    await file.close()
    await rm(path)
  }
})
