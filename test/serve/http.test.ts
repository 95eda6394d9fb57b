// HTTP/1.1 byte by byte (RFC 9112 and 9110): complete requests are answered, incomplete ones awaited, malformed ones refused.
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { exchange, parseAnswer, serve } from './help-serve.ts'

let folder: TestFolder
let server: Awaited<ReturnType<typeof serve>>

beforeAll(async () => {
  folder = makeFolder()
  await writeFile(join(folder.path, 'a'), 'content')
  server = await serve(folder.path)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** The status of the response to some bytes: -1 if the server closes silently, 0 if it is still waiting. */
function statusOf(bytes: string, patienceMs?: number): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect(server.address.port, '127.0.0.1')
    const settle = (status: number) => {
      clearTimeout(waiting)
      socket.destroy()
      resolve(status)
    }
    const waiting = patienceMs === undefined ? undefined : setTimeout(settle, patienceMs, 0)
    socket.on('data', (chunk: Buffer) => settle(Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString('latin1'))?.[1])))
    socket.on('end', () => settle(-1)).on('error', () => settle(-1))
    socket.write(bytes, 'latin1')
  })
}

describe('the server waits for the rest of an incomplete request', () => {
  const whole = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n'
  const ends = [1, 4, 6, 7, 11, 15, 16, 17, 20, 22, 23, 24, 25, 26, 27]
  test.each(ends.map((length) => whole.slice(0, length)))('%j', async (bytes) => {
    expect(await statusOf(bytes, 100)).toBe(0)
  })
  test('and answers the complete one', async () => expect(await statusOf(whole)).toBe(200))
})

const host = 'Host: x\r\n'
const get = (fields: string) => `GET /a HTTP/1.1\r\n${fields}\r\n`

describe('complete requests', () => {
  test.each<[what: string, bytes: string, status: number]>([
    ['plain', get(host), 200],
    ['names in any letters, tabs, a field without value', get('hOsT:\tx\r\nempty:\r\n'), 200],
    ['a field with one space', get(`${host}X: \r\n`), 200],
    ['an empty Host', get('Host:\r\n'), 200],
    ['a Host with a port', get('Host: x:8080\r\n'), 200],
    ['a Host of IPv6', get('Host: [2001:db8::1]:8080\r\n'), 200],
    ['Expect: 100-continue', get(`${host}Expect: 100-continue\r\n`), 100],
    ['an empty line before it', `\r\n${get(host)}`, 200],
    ['absolute form', 'GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n', 200],
    ['absolute form, and another Host', 'GET http://y/a HTTP/1.1\r\nHost: x\r\n\r\n', 200],
    ['HTTP/1.0', 'GET /a HTTP/1.0\r\n\r\n', 200],
    ['HTTP/1.0 with Host', `GET /a HTTP/1.0\r\n${host}\r\n`, 200],
    ['a GET with a body', `${get(`${host}Content-Length: 2\r\n`)}ab`, 200],
    ['a GET with a body in chunks', `${get(`${host}Transfer-Encoding: chunked\r\n`)}2\r\nab\r\n0\r\n\r\n`, 200],
    ['16 KB of fields', get(`${host}X: ${'y'.repeat(15_000)}\r\n`), 200],
    ['no version', 'GET /a \r\n\r\n', 400],
    ['no Host', get('X: y\r\n'), 400],
    ['no Host, but a length', get('Content-Length: 5\r\n'), 400],
    ['two Hosts', get(`${host}Host: y\r\n`), 400],
    ['the same Host twice', get(`${host}host: x\r\n`), 400],
    ['a Host with a path', get('Host: x/y\r\n'), 400],
    ['a Host with a user', get('Host: u@x\r\n'), 400],
    ['a Host with two hosts', get('Host: x, y\r\n'), 400],
    ['a space in Host', get('Host: x y\r\n'), 400],
    ['brackets in a name', get(`${host}X[]: y\r\n`), 400],
    ['a space after a name', get(`${host}X : y\r\n`), 400],
    ['a folded line', get(`${host}X: y\r\n z\r\n`), 400],
    ['a field without colon', get(`${host}X\r\n`), 400],
    ['a control character', get(`${host}X: y\u0007\r\n`), 400],
    ['a NUL', get(`${host}X: \0\r\n`), 400],
    ['a CR alone', get(`${host}\rX: y\r\n`), 400],
    ['a NUL in the target', `GET /\0 HTTP/1.1\r\n${host}\r\n`, 400],
    ['HTTP/9.9', `GET /a HTTP/9.9\r\n${host}\r\n`, 400],
    ['HTTP/2.0', `GET /a HTTP/2.0\r\n${host}\r\n`, 505],
    ['HTTP/0.9 spelt out', `GET /a HTTP/0.9\r\n${host}\r\n`, 505],
    ['another protocol', `GET /a HTPP/1.1\r\n${host}\r\n`, 400],
    ['words before the method', `Extra lineGET /a HTTP/1.1\r\n${host}\r\n`, 400],
    ['a negative length', get(`${host}Content-Length: -1234\r\n`), 400],
    ['a very negative length', get(`${host}Content-Length: -${'9'.repeat(27)}\r\n`), 400],
    ['an invalid length', get(`${host}Content-Length: abc\r\n`), 400],
    ['two lengths', get(`${host}Content-Length: 1\r\nContent-Length: 2\r\n`), 400],
    ['a length and chunks', get(`${host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n`), 400],
    ['chunks in HTTP/1.0', `GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a PUT with a body', `POST /a HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nhello`, 405],
    ['an unknown expectation', get(`${host}Expect: tea\r\n`), 417],
    ['20 KB of fields', get(`${host}X: ${'y'.repeat(20_000)}\r\n`), 431],
    ['a target of 20 KB', `GET /${'y'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`, 431],
  ])('%s', async (_, bytes, status) => {
    expect(await statusOf(bytes)).toBe(status)
  })
})

test('a refusal ends the connection, so that later bytes are not taken for a request', async () => {
  const answers = await exchange(server.address.port, `${get(`${host}Host: y\r\n`)}${get(host)}`)
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400'])
  expect(parseAnswer(answers).headers['connection']).toBe('close')
})

test('twenty requests in one packet are answered in order', async () => {
  const names = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? '/a' : `/none-${i}`))
  const last = names.length - 1
  const bytes = names.map(
    (name, i) => `GET ${name} HTTP/1.1\r\n${host}${i === last ? 'Connection: close\r\n' : ''}\r\n`,
  )
  const answers = await exchange(server.address.port, bytes.join(''))
  expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(names.map((name) => `HTTP/1.1 ${name === '/a' ? 200 : 404}`))
})

describe('a client that takes too long to send its request', () => {
  test.each([
    ['sends nothing', '', ''],
    ['stops in the middle', 'GET /a HTTP/1.1\r\nHost: x\r\n', 'HTTP/1.1 408 Request Timeout'],
  ])('%s', async (_, bytes, answer) => {
    await using impatient = await serve(folder.path, { headersTimeoutMs: 150 })
    const startMs = performance.now()
    expect((await exchange(impatient.address.port, bytes)).split('\r\n')[0]).toBe(answer)
    expect(performance.now() - startMs).toBeGreaterThan(140)
  })

  test('cannot buy time with a header field now and then', async () => {
    await using impatient = await serve(folder.path, { headersTimeoutMs: 300 })
    const socket = connect(impatient.address.port, '127.0.0.1')
    let text = ''
    socket.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write('GET /a HTTP/1.1\r\n')
    const dripping = setInterval(() => socket.write('X: y\r\n'), 20)
    await new Promise((resolve) => socket.on('close', resolve))
    clearInterval(dripping)
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
  })
})

test('a client beyond the limit of responses is told to retry', async () => {
  await writeFile(join(folder.path, 'big'), Buffer.alloc(32 * 1024 * 1024))
  await using small = await serve(folder.path, { maxResponses: 3 })
  const { port } = small.address
  const readers = Array.from({ length: 3 }, () => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(`GET /big HTTP/1.1\r\n${host}\r\n`)
    return socket
  })
  await Promise.all(readers.map((socket) => new Promise((resolve) => socket.once('readable', resolve))))
  const answer = parseAnswer(await exchange(port, get(host)))
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '5', connection: 'close' } })
  expect(small.lines).toEqual([expect.stringMatching(/GET \/a 503 24 bytes/)])
  // Another computer still gets an answer.
  const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  other.write(`GET /a HTTP/1.0\r\n\r\n`)
  const chunks: Buffer[] = []
  for await (const chunk of other) chunks.push(chunk)
  expect(parseAnswer(Buffer.concat(chunks).toString()).status).toBe(200)
  for (const socket of readers) socket.destroy()
  await expect.poll(async () => parseAnswer(await exchange(port, `GET /a HTTP/1.0\r\n\r\n`)).status).toBe(200)
})

test('one client cannot take the last connections', { timeout: 30_000 }, async () => {
  await using full = await serve(folder.path)
  const { port } = full.address
  const sockets = Array.from({ length: 2048 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' })
  other.write(`GET /a HTTP/1.0\r\n\r\n`)
  const chunks: Buffer[] = []
  for await (const chunk of other) chunks.push(chunk)
  expect(parseAnswer(Buffer.concat(chunks).toString()).status).toBe(200)
  for (const socket of sockets) socket.destroy()
})
