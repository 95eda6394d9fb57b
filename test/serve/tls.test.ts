// https with real certificates.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadTls } from '../../src/serve/tls.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { exchange, request, serve, until } from './help-serve.ts'

/** The size of the file at a URL, from a server with this certificate. */
function countBytes(url: string, ca: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(url, { ca, servername: 'localhost' }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => resolve(bytes))
    })
    asked.on('error', reject).end()
  })
}

describe('https', needs('openssl'), () => {
  let folder: TestFolder
  const at = (name: string) => join(folder.path, name)

  beforeAll(async () => {
    folder = makeFolder()
    for (const name of ['one', 'other']) {
      const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
      execFileSync(
        'openssl',
        [...args, '-subj', '/CN=localhost', '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
        {
          stdio: 'ignore',
        },
      )
    }
    await writeFile(at('x-kernel'), Buffer.alloc(1_000_000, 'k'))
    await writeFile(at('nonsense'), 'nonsense')
  })
  afterAll(() => folder[Symbol.dispose]())

  test('serves a complete file', async () => {
    const tls = await loadTls(at('one.pem'), at('one.key'))
    await using server = await serve(folder.path, { tls })
    expect(server.url).toBe(`https://127.0.0.1:${server.address.port}`)
    expect(await countBytes(`${server.url}/x-kernel`, tls.cert)).toBe(1_000_000)
    await until(() => server.lines.length > 0)
    expect(server.lines).toEqual([expect.stringMatching(/ 127\.0\.0\.1 GET \/x-kernel 200 1000000 bytes/)])
  })

  test.each([
    ['sends nothing', ''],
    ['stops in the middle', '\x16\x03\x01'],
  ])('a handshake that %s ends, and is logged', async (_, bytes) => {
    const tls = await loadTls(at('one.pem'), at('one.key'))
    await using server = await serve(folder.path, { tls, headersTimeoutMs: 300 })
    const socket = connect(server.address.port, '127.0.0.1').on('error', () => {})
    socket.write(bytes, 'latin1')
    await once(socket.resume(), 'close')
    await server[Symbol.asyncDispose]()
    expect(server.lines).toEqual([expect.stringMatching(/ 127\.0\.0\.1 - - 408 0 bytes .* \(no TLS\)$/)])
  })

  test('a client that speaks plain HTTP gets no file and affects nobody else', async () => {
    const tls = await loadTls(at('one.pem'), at('one.key'))
    await using server = await serve(folder.path, { tls })
    const answer = await exchange(server.address.port, 'GET /x-kernel HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => '')
    expect(answer).not.toContain('kkk')
    expect(await countBytes(`${server.url}/x-kernel`, tls.cert)).toBe(1_000_000)
  })

  test.each([
    ['missing', 'one.key', 'the certificate "AT/missing" cannot be read: no such file or directory'],
    ['one.pem', 'missing', 'the key "AT/missing" cannot be read: no such file or directory'],
    ['nonsense', 'one.key', 'the certificate "AT/nonsense" is not in PEM format'],
    ['one.pem', 'nonsense', 'the key "AT/nonsense" does not match the certificate "AT/one.pem"'],
    ['one.pem', 'other.key', 'the key "AT/other.key" does not match the certificate "AT/one.pem"'],
  ])('%s with %s', async (cert, key, message) => {
    await expect(loadTls(at(cert), at(key))).rejects.toMatchObject({
      name: 'ServeError',
      message: message.replaceAll('AT', folder.path),
    })
  })

  test('an expired certificate', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 86_400_000 })
    try {
      await expect(loadTls(at('one.pem'), at('one.key'))).rejects.toMatchObject({
        name: 'ServeError',
        message: expect.stringMatching(/^the certificate ".*one\.pem" expired on .* GMT$/),
        hint: 'renew it',
      })
    } finally {
      vi.useRealTimers()
    }
  })
})

test('without a certificate the server speaks plain HTTP', async () => {
  using folder = makeFolder()
  await using server = await serve(folder.path)
  expect(server.url).toMatch(/^http:/)
  expect((await request(server.address.port, '/')).status).toBe(200)
})
