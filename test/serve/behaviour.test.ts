// Behaviour during transfers: the log, clients that leave or stall, files that shrink, fairness, memory, closing.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readlink, rename, truncate, utimes, writeFile } from 'node:fs/promises'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Transfer } from '../../src/serve/transfer.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { exchange, parseAnswer, request, serve, until } from './help-serve.ts'

let folder: TestFolder
const bigBytes = 200 * 1024 * 1024

beforeAll(async () => {
  folder = makeFolder()
  await writeFile(join(folder.path, 'small'), 'small')
  const big = await open(join(folder.path, 'big'), 'w')
  await big.truncate(bigBytes)
  await big.close()
})

afterAll(() => folder[Symbol.dispose]())

/** Requests a file without reading the response. */
async function askOnly(port: number, target: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.pause()
  socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await once(socket, 'connect')
  return socket
}

/** How many times this process has a file of the folder open. */
async function countOpen(name: string): Promise<number> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link === join(folder.path, name)).length
}

describe('the log', () => {
  test('has a line for each request, refused ones included', async () => {
    await using server = await serve(folder.path)
    const { port } = server.address
    const served: Transfer[] = []
    server.onServed((one) => served.push(one))
    await request(port, '/small')
    await request(port, '/small', {}, 'HEAD')
    await request(port, '/small?x', { Range: 'bytes=1-2' })
    await request(port, '/none')
    await request(port, `/${'y'.repeat(400)}`)
    await request(port, '/small', {}, 'POST')
    await request(port, 'elsewhere:443', {}, 'CONNECT')
    await exchange(port, 'rubbish\u001b\r\n\r\n')
    await until(() => server.lines.length === 8)
    const lines = server.lines.map((line) => line.replace(/\d+ ms$/, 'N ms').replace(/\d\d:\d\d:\d\d/, 'TIME'))
    expect(lines).toEqual([
      'info: TIME 127.0.0.1 GET /small 200 5 bytes N ms',
      'info: TIME 127.0.0.1 HEAD /small 200 0 bytes N ms',
      'info: TIME 127.0.0.1 GET /small?x 206 2 bytes N ms',
      'info: TIME 127.0.0.1 GET /none 404 14 bytes N ms',
      `info: TIME 127.0.0.1 GET /${'y'.repeat(299)}... 404 14 bytes N ms`,
      'info: TIME 127.0.0.1 POST /small 405 23 bytes N ms',
      'info: TIME 127.0.0.1 CONNECT elsewhere:443 405 23 bytes N ms',
      'info: TIME 127.0.0.1 - - 400 16 bytes N ms',
    ])
    expect(served[0]).toMatchObject({ client: '127.0.0.1', method: 'GET', path: '/small', status: 200, bytes: 5 })
    expect(served).toHaveLength(8)
  })

  test('has no line for a silent connection', async () => {
    await using server = await serve(folder.path)
    const socket = connect(server.address.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    await request(server.address.port, '/small')
    await until(() => server.lines.length > 0)
    expect(server.lines).toEqual([expect.stringContaining('GET /small 200')])
  })
})

describe('clients that do not read everything', () => {
  test('fifty pipelined requests keep one file open', async () => {
    await using server = await serve(folder.path)
    const socket = connect({ port: server.address.port, host: '127.0.0.1' })
    socket.on('error', () => {}).pause()
    socket.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50))
    await until(async () => (await countOpen('big')) > 0)
    for (let i = 0; i < 20; i++) expect(await countOpen('big')).toBe(1)
    socket.destroy()
    await until(() => server.lines.length === 50)
    await until(async () => (await countOpen('big')) === 0)
  })

  test('if a client leaves, the file is closed and the log says so', async () => {
    await using server = await serve(folder.path)
    const socket = await askOnly(server.address.port, '/big')
    await until(async () => (await countOpen('big')) === 1)
    socket.destroy()
    await until(() => server.lines.length === 1)
    expect(server.lines[0]).toMatch(/GET \/big 200 \d+ bytes \d+ ms \(aborted\)$/)
    await until(async () => (await countOpen('big')) === 0)
  })

  test('a stalled client is dropped; a client idle between requests is not logged as stalled', async () => {
    await using server = await serve(folder.path, { stallTimeoutMs: 150 })
    const socket = await askOnly(server.address.port, '/big')
    await until(() => server.lines.length === 1)
    expect(server.lines[0]).toMatch(/\(stalled\)$/)
    await until(async () => (await countOpen('big')) === 0)
    socket.destroy()
    // Its connection is dropped too, but it has received its response.
    const waiting = await askOnly(server.address.port, '/small')
    await once(waiting.resume(), 'close')
    expect(server.lines.slice(1)).toEqual([expect.stringMatching(/GET \/small 200 5 bytes \d+ ms$/)])
  })

  test('a slow client that keeps reading is not dropped', async () => {
    await using server = await serve(folder.path, { stallTimeoutMs: 200 })
    const socket = await askOnly(server.address.port, '/big')
    for (let i = 0; i < 12; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      let taken = 0
      socket.on('data', (chunk: Buffer) => (taken += chunk.length)).resume()
      // Enough to reopen the window.
      await until(() => taken > 4 * 1024 * 1024)
      socket.pause().removeAllListeners('data')
    }
    expect(server.lines).toEqual([])
    socket.destroy()
  })
})

test('the connection is cut if the file shrinks during the transfer', async () => {
  await using server = await serve(folder.path)
  const path = join(folder.path, 'shrinks')
  const file = await open(path, 'w')
  await file.truncate(bigBytes)
  await file.close()
  const response = await new Promise<IncomingMessage>((resolve) => httpGet(`${server.url}/shrinks`, resolve))
  await once(response, 'readable')
  await truncate(path, 1024)
  response.resume()
  await expect(once(response, 'end')).rejects.toThrow('aborted')
  await until(() => server.lines.length === 1)
  expect(server.lines[0]).toMatch(/\(file shrank\)$/)
})

/** Starts a download, runs `change` halfway, and returns everything received and how it ended. */
async function fetchDuring(url: string, change: () => Promise<void>) {
  const response = await new Promise<IncomingMessage>((resolve) => httpGet(url, resolve))
  await once(response, 'readable')
  await change()
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = await once(response, 'end').then(
    () => 'whole',
    () => 'cut',
  )
  return { bytes: Buffer.concat(chunks), ended }
}

describe('a file that changes during a transfer', () => {
  const oldBytes = Buffer.alloc(bigBytes / 4, 'o')
  const newBytes = Buffer.alloc(bigBytes / 4, 'n')

  // Old enough for its pieces to be shared, so that a piece of the wrong version could be sent. A file's ctime cannot be
  // set back, so the clock is set forward.
  async function makeOld(path: string) {
    await writeFile(path, oldBytes)
    await utimes(path, 784111777, 784111777)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  }
  afterEach(() => void vi.useRealTimers())

  test('replaced: running transfers get all of the old file, later ones the new file', async () => {
    await using server = await serve(folder.path)
    const path = join(folder.path, 'replaced')
    await makeOld(path)
    await writeFile(`${path}.new`, newBytes)
    await utimes(`${path}.new`, 784111777, 784111777)
    const begun = await fetchDuring(`${server.url}/replaced`, () => rename(`${path}.new`, path))
    expect([begun.ended, begun.bytes.equals(oldBytes)]).toEqual(['whole', true])
    const after = Buffer.from(await (await fetch(`${server.url}/replaced`)).arrayBuffer())
    expect(after.equals(newBytes)).toBe(true)
  })

  test('overwritten: no client gets a mix; running transfers are cut off', async () => {
    await using server = await serve(folder.path)
    const path = join(folder.path, 'written')
    await makeOld(path)
    const begun = await fetchDuring(`${server.url}/written`, () => writeFile(path, newBytes, { flag: 'r+' }))
    expect(begun.ended).toBe('cut')
    expect(begun.bytes.includes('n')).toBe(false)
    await until(() => server.lines.length === 1)
    expect(server.lines[0]).toMatch(/\(file changed\)$/)
    const after = Buffer.from(await (await fetch(`${server.url}/written`)).arrayBuffer())
    expect(after.equals(newBytes)).toBe(true)
  })

  test('overwritten with the same size and time (cp -p): no client gets a mix, and the next one gets the new bytes', async () => {
    await using server = await serve(folder.path)
    const path = join(folder.path, 'kept')
    await makeOld(path)
    await writeFile(`${path}.new`, newBytes)
    await utimes(`${path}.new`, 784111777, 784111777)
    const before = await fetch(`${server.url}/kept`, { method: 'HEAD' })
    const begun = await fetchDuring(`${server.url}/kept`, async () => {
      await promisify(execFile)('cp', ['-p', `${path}.new`, path])
    })
    expect([begun.ended, begun.bytes.includes('n')]).toEqual(['cut', false])
    const etag = before.headers.get('etag') ?? ''
    const after = await fetch(`${server.url}/kept`, { headers: { 'If-None-Match': etag } })
    expect(after.status).toBe(200)
    expect(Buffer.from(await after.arrayBuffer()).equals(newBytes)).toBe(true)
  })

  test('renamed: running transfers get the whole file', async () => {
    await using server = await serve(folder.path)
    const path = join(folder.path, 'renamed')
    await makeOld(path)
    const begun = await fetchDuring(`${server.url}/renamed`, () => rename(path, `${path}.old`))
    expect([begun.ended, begun.bytes.equals(oldBytes)]).toEqual(['whole', true])
  })

  test('written twice within one tick of the file system clock: the second write is noticed', async () => {
    await using server = await serve(folder.path)
    const path = join(folder.path, 'quick')
    for (let i = 0; i < 50; i++) {
      await writeFile(path, `version ${i % 10}`)
      const { body } = await request(server.address.port, '/quick')
      expect(body).toBe(`version ${i % 10}`)
    }
  })
})

test('large files do not delay small ones, and memory stays bounded', async () => {
  await using server = await serve(folder.path)
  const done: string[] = []
  const rssBefore = process.memoryUsage().rss
  let rssMost = 0
  const sampling = setInterval(() => (rssMost = Math.max(rssMost, process.memoryUsage().rss)), 5)
  const bulk = Array.from({ length: 4 }, async () => {
    let bytes = 0
    const response = await new Promise<IncomingMessage>((resolve) => httpGet(`${server.url}/big`, resolve))
    response.on('data', (chunk: Buffer) => (bytes += chunk.length))
    await once(response, 'end')
    done.push('big')
    return bytes
  })
  const small = (async () => {
    for (let i = 0; i < 20; i++) {
      expect((await request(server.address.port, '/small')).body).toBe('small')
    }
    done.push('small')
  })()
  await small
  expect(await Promise.all(bulk)).toEqual(Array.from({ length: 4 }, () => bigBytes))
  clearInterval(sampling)
  expect(done[0]).toBe('small')
  // Client and server together: any one of the four files held in memory would show.
  expect(rssMost - rssBefore).toBeLessThan(bigBytes)
})

describe('closing', () => {
  test('is not delayed by connections that are idle or have sent no request yet', async () => {
    const server = await serve(folder.path, { closeTimeoutMs: 60_000 })
    const idle = connect(server.address.port, '127.0.0.1')
    idle.write('GET /small HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(idle, 'data')
    const silent = connect(server.address.port, '127.0.0.1')
    const half = connect(server.address.port, '127.0.0.1')
    half.write('GET /small HTTP/1.1\r\n')
    for (const socket of [idle, silent, half]) socket.resume().on('error', () => {})
    await until(() => server.lines.length === 1 && half.bytesWritten > 0)
    await server[Symbol.asyncDispose]()
    await expect(fetch(server.url)).rejects.toThrow()
  })

  test('lets a running response finish', async () => {
    const server = await serve(folder.path, { closeTimeoutMs: 60_000 })
    const answer = await fetch(`${server.url}/big`)
    const closing = server[Symbol.asyncDispose]()
    expect((await answer.arrayBuffer()).byteLength).toBe(bigBytes)
    await closing
    expect(server.lines).toEqual([expect.stringMatching(/GET \/big 200 209715200 bytes \d+ ms$/)])
  })

  test.each([
    ['but not forever', { closeTimeoutMs: 50 }],
    ['and not when forced', { closeTimeoutMs: 60_000, forced: AbortSignal.timeout(50) }],
  ])('%s', async (_, options) => {
    const server = await serve(folder.path, options)
    const socket = await askOnly(server.address.port, '/big')
    await until(async () => (await countOpen('big')) === 1)
    await server[Symbol.asyncDispose]()
    expect(server.lines).toEqual([expect.stringMatching(/\(aborted\)$/)])
    // A running read-ahead keeps the file open until it is done.
    await until(async () => (await countOpen('big')) === 0)
    socket.destroy()
  })

  test('frees the port', async () => {
    const first = await serve(folder.path)
    await request(first.address.port, '/small')
    await first[Symbol.asyncDispose]()
    await using second = await serve(folder.path, { listen: first.address })
    expect(parseAnswer(await exchange(second.address.port, 'GET /small HTTP/1.0\r\n\r\n')).body).toBe('small')
  })
})
