import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { makeImage } from '../helpers/image.ts'
import { runToEnd } from '../helpers/io.ts'
import { listen } from '../helpers/port.ts'
import { makeTestFolder } from '../helpers/folder.ts'

let out = ''

beforeEach(async () => {
  out = makeTestFolder()
  await using image = await makeImage()
  const pushed = ['push', 'equinixmetal', '-base-url', 'http://x', '-destination', out, image.prefix]
  expect((await runToEnd(pushed)).code).toBe(0)
})

async function serve(handler: RequestListener): Promise<string> {
  const server = createServer(handler)
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${await listen(server)}`
}

/** A minimal static server: the bytes of a file, or 404. */
const serveFolder: RequestListener = (request, response) => {
  void readFile(join(out, request.url ?? '')).then(
    (bytes) => response.end(bytes),
    () => response.writeHead(404).end('not here'),
  )
}

const spoil = async (name: string, change: (bytes: Buffer) => Buffer) => {
  const path = join(out, name)
  await writeFile(path, change(await readFile(path)))
}

describe.each(['folder', 'URL'])('verify at a %s', (kind) => {
  const verify = async () => await runToEnd(['verify', kind === 'folder' ? out : await serve(serveFolder), 'demo'])

  test('accepts a pushed image', async () => {
    const { code, stdout, stderr } = await verify()
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr.split('\n')).toEqual([
      'demo-kernel  4.1 kB, as it was pushed',
      'demo-initrd.img  10.0 kB, as it was pushed',
      expect.stringMatching(/^demo-equinixmetal\.ipxe  \d+ bytes, as it was pushed$/),
      expect.stringMatching(/^demo for x86_64, pushed \S+Z: all 3 files are correct$/),
      '',
    ])
  })

  test.each<[string, () => Promise<void>, RegExp]>([
    [
      'a changed byte',
      () => spoil('demo-initrd.img', (b) => Buffer.from(b.fill(8, 5000, 5001))),
      /demo-initrd.img" differs from the pushed file/,
    ],
    ['a truncated file', () => spoil('demo-kernel', (b) => b.subarray(0, -1)), /demo-kernel" has 4095 bytes, not 4096/],
    ['a missing file', () => rm(join(out, 'demo-equinixmetal.ipxe')), /demo-equinixmetal.ipxe" does not exist/],
  ])('finds %s', async (_, change, expected) => {
    await change()
    const { code, stderr } = await verify()
    expect(code).toBe(5)
    expect(stderr).toMatch(expected)
    expect(stderr).toMatch(/metalkit: verify: 1 of 3 files of "demo" differ from what was pushed; /)
  })

  test.each<[string, () => Promise<void>, RegExp]>([
    ['no manifest', () => rm(join(out, 'demo.json')), /demo.json" does not exist; push the image there/],
    [
      'another file in place of the manifest',
      () => writeFile(join(out, 'demo.json'), '{"version":2}'),
      /demo.json" is not the manifest of an image/,
    ],
    [
      'a name that leads out of the folder',
      () => spoil('demo.json', (b) => Buffer.from(b.toString().replace('demo-kernel', '../demo-kernel'))),
      /demo.json" is not the manifest/,
    ],
  ])('refuses %s', async (_, change, expected) => {
    await change()
    const { code, stderr } = await verify()
    expect(code).toBe(5)
    expect(stderr).toMatch(expected)
  })
})

describe('verify over HTTP', () => {
  test('follows redirects, logs in, and does not decode the bytes', async () => {
    const asked: (string | undefined)[] = []
    const url = await serve((request, response) => {
      asked.push(request.headers.authorization)
      if (request.url?.startsWith('/old/')) {
        response.writeHead(302, { location: request.url.slice(4) }).end()
        return
      }
      response.setHeader('content-encoding', 'gzip')
      serveFolder(request, response)
    })
    const { code } = await runToEnd(['verify', `${url.replace('//', '//me:a%20b@')}/old/`, 'demo'])
    expect(code).toBe(0)
    expect(asked[0]).toBe(`Basic ${Buffer.from('me:a b').toString('base64')}`)
  })

  test.each<[string, RequestListener, RegExp]>([
    [
      'an answer without a file',
      (_, response) => response.writeHead(503).end(),
      /demo.json" cannot be fetched: the server answered 503 Service Unavailable/,
    ],
    [
      'a broken connection',
      (request) => request.socket.destroy(),
      /demo.json" cannot be fetched \(the connection was closed\)/,
    ],
  ])('reports the problem: %s', async (_, handler, expected) => {
    const { code, stderr } = await runToEnd(['verify', await serve(handler), 'demo'])
    expect(code).toBe(5)
    expect(stderr).toMatch(expected)
  })

  test('notices a truncated body', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/demo.json') serveFolder(request, response)
      else response.writeHead(200, { 'content-length': 4096 }).write('short', () => response.destroy())
    })
    const { code, stderr } = await runToEnd(['verify', url, 'demo'])
    expect(code).toBe(5)
    expect(stderr).toMatch(/demo-kernel" cannot be fetched/)
  })
})

test('prints nothing with -q, and changes nothing', async () => {
  const before = await readdir(out)
  expect(await runToEnd(['verify', out, 'demo', '-q'])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await readdir(out)).toEqual(before)
})

test.each([
  [
    'sftp://host/srv',
    'usage: "sftp://host/srv" is neither a folder nor the URL that machines fetch from; pass the base URL, http or https',
  ],
  ['http://', 'usage: "http://" is not a URL; write it as http://host[:port]/path'],
])('refuses %s', async (place, line) => {
  expect(await runToEnd(['verify', place, 'demo'])).toEqual({ code: 2, stdout: '', stderr: `metalkit: ${line}\n` })
})
