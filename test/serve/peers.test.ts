// Requests and expected responses from the test suites of other file servers, `send` (npm) and Go's http.FileServer. If we answer
// differently on purpose, the row says why.
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { request, serve } from './help-serve.ts'

let folder: TestFolder
let server: Awaited<ReturnType<typeof serve>>
const stamp = 'Sun, 06 Nov 1994 08:49:37 GMT'
const earlier = 'Sun, 06 Nov 1994 08:48:37 GMT'

beforeAll(async () => {
  folder = makeFolder()
  for (const name of ['pets', 'empty-folder', 'snow ☃', '.mine']) await mkdir(join(folder.path, name))
  const files: Record<string, string> = {
    'name.txt': 'tobi',
    'nums.txt': '123456789',
    digits: '0123456789\n',
    'empty.txt': '',
    'do..ts.txt': '...',
    'some thing.txt': 'hey',
    'tobi.html': '<p>tobi</p>',
    '.hidden.txt': 'secret',
    '.mine/name.txt': 'tobi',
    'pets/index.html': 'pets',
    'name.html.gz': 'gz',
    'a..': 'dots',
  }
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder.path, name), text)
    await utimes(join(folder.path, name), 784111777, 784111777)
  }
  server = await serve(folder.path)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

type Row = [
  target: string,
  headers: Record<string, string>,
  status: number,
  more?: { body?: string; headers?: Record<string, unknown>; otherwise?: string },
]

/** A row; ETAG in a header stands for the file's ETag. */
async function check([target, headers, status, more = {}]: Row) {
  const { etag = '' } = (await request(server.address.port, target)).headers
  const filled = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, text.replace('ETAG', etag)]))
  const answer = await request(server.address.port, target, filled)
  expect(answer.status).toBe(status)
  if (more.body !== undefined) expect(answer.body).toBe(more.body)
  expect(answer.headers).toMatchObject(more.headers ?? {})
  return answer
}

const range = (text: string) => ({ Range: `bytes=${text}` })
const several = { otherwise: 'several ranges get the whole: nothing that boots asks for them' }

describe('send', () => {
  test.each<Row>([
    ['/name.txt', {}, 200, { body: 'tobi', headers: { 'content-length': '4', 'accept-ranges': 'bytes' } }],
    ['/name.txt', {}, 200, { headers: { 'last-modified': stamp, 'content-type': 'text/plain; charset=utf-8' } }],
    ['/tobi.html', {}, 200, { headers: { 'content-type': 'text/html; charset=utf-8' } }],
    ['/empty.txt', {}, 200, { body: '', headers: { 'content-length': '0' } }],
    ['/some%20thing.txt', {}, 200, { body: 'hey' }],
    ['/do..ts.txt', {}, 200, { body: '...' }],
    ['/some%99thing.txt', {}, 404, { otherwise: 'a name that is no UTF-8 does not exist (400 there)' }],
    ['/some%00thing.txt', {}, 400],
    [`/${'foobar'.repeat(99)}`, {}, 404],
    ['/meow', {}, 404],
    ['/tobi', {}, 404],
    ['/pets', {}, 301, { headers: { location: 'pets/' }, otherwise: 'a relative Location works behind any proxy' }],
    ['//pets', {}, 301, { headers: { location: 'pets/' } }],
    ['/snow%20%E2%98%83', {}, 301, { headers: { location: 'snow%20%E2%98%83/' } }],
    ['/pets/', {}, 200, { body: 'pets' }],
    ['/pets/../name.txt', {}, 404, { otherwise: 'a path with .. is refused, even if it stays inside' }],
    ['/.hidden.txt', {}, 200, { body: 'secret', otherwise: 'everything in the folder is served' }],
    ['/.mine/name.txt', {}, 200, { body: 'tobi' }],
    ['/.nothere', {}, 404],
    ['/../name.txt', {}, 404, { otherwise: 'it does not exist; send forbids it (403)' }],
    ['/pets/../../name.txt', {}, 404],
    ['/%2e%2e/name.txt', {}, 404],
    ['/name.txt', { 'If-Match': '*' }, 200],
    ['/name.txt', { 'If-Match': ' "foo", "bar" ' }, 412],
    ['/name.txt', { 'If-Match': '"foo", "bar", ETAG' }, 200],
    ['/name.txt', { 'If-Modified-Since': stamp }, 304],
    ['/name.txt', { 'If-Modified-Since': earlier }, 200, { body: 'tobi' }],
    ['/name.txt', { 'If-None-Match': 'ETAG' }, 304, { body: '' }],
    ['/name.txt', { 'If-None-Match': '"123"' }, 200, { body: 'tobi' }],
    ['/name.txt', { 'If-Unmodified-Since': stamp }, 200],
    ['/name.txt', { 'If-Unmodified-Since': earlier }, 412],
    ['/name.txt', { 'If-Unmodified-Since': 'foo' }, 200],
    ['/nums.txt', range('0-4'), 206, { body: '12345' }],
    ['/nums.txt', { Range: 'items=0-4' }, 200, { body: '123456789' }],
    ['/nums.txt', range('0-0'), 206, { body: '1' }],
    ['/nums.txt', range('2-5'), 206, { headers: { 'content-range': 'bytes 2-5/9' } }],
    ['/nums.txt', range('-3'), 206, { body: '789' }],
    ['/nums.txt', range('3-'), 206, { body: '456789' }],
    ['/nums.txt', range('2-3'), 206, { body: '34', headers: { 'content-length': '2' } }],
    ['/nums.txt', range('2-50'), 206, { headers: { 'content-range': 'bytes 2-8/9', 'content-length': '7' } }],
    ['/nums.txt', range('9-50'), 416, { headers: { 'content-range': 'bytes */9' } }],
    ['/nums.txt', { Range: 'asdf' }, 200, { body: '123456789' }],
    ['/nums.txt', range('1-1,3-'), 200, { body: '123456789' }],
    ['/nums.txt', range('1-2,3-5'), 200, several],
    ['/nums.txt', { ...range('0-0'), 'If-Range': 'ETAG' }, 206, { body: '1' }],
    ['/nums.txt', { ...range('0-0'), 'If-Range': '"0x"' }, 200, { body: '123456789' }],
    ['/nums.txt', { ...range('0-0'), 'If-Range': stamp }, 206, { body: '1' }],
    ['/nums.txt', { ...range('0-0'), 'If-Range': earlier }, 200],
    ['/nums.txt', { ...range('0-0'), 'If-Range': 'foo' }, 200],
  ])('%s %j is %i', async (...row) => void (await check(row)))

  test('a 304 has no content headers', async () => {
    const { headers } = await check(['/name.txt', { 'If-None-Match': 'ETAG' }, 304])
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^content-/)]))
  })
})

describe("Go's http.FileServer, of 11 bytes", () => {
  const beyond = { headers: { 'content-range': 'bytes */11' } }
  test.each<Row>([
    ['/digits', {}, 200],
    ['/digits', range('0-4'), 206, { headers: { 'content-range': 'bytes 0-4/11' } }],
    ['/digits', range('2-'), 206, { headers: { 'content-range': 'bytes 2-10/11' } }],
    ['/digits', range('-5'), 206, { headers: { 'content-range': 'bytes 6-10/11' } }],
    ['/digits', range('3-7'), 206, { headers: { 'content-range': 'bytes 3-7/11' } }],
    ['/digits', range('0-0,-2'), 200, several],
    ['/digits', range('0-1,5-8'), 200, several],
    ['/digits', range('0-1,5-'), 200, several],
    ['/digits', range('5-1000'), 206, { headers: { 'content-range': 'bytes 5-10/11' } }],
    ['/digits', range('0-,1-,2-,3-,4-'), 200],
    ['/digits', range('0-9'), 206, { headers: { 'content-range': 'bytes 0-9/11' } }],
    ['/digits', range('0-10'), 206, { headers: { 'content-range': 'bytes 0-10/11' } }],
    ['/digits', range('0-11'), 206, { headers: { 'content-range': 'bytes 0-10/11' } }],
    ['/digits', range('10-11'), 206, { headers: { 'content-range': 'bytes 10-10/11' } }],
    ['/digits', range('10-'), 206, { headers: { 'content-range': 'bytes 10-10/11' } }],
    ['/digits', range('11-'), 416, beyond],
    ['/digits', range('11-12'), 416, beyond],
    ['/digits', range('12-12'), 416, beyond],
    ['/digits', range('11-100'), 416, beyond],
    ['/digits', range('12-100'), 416, beyond],
    ['/digits', range('100-'), 416, beyond],
    ['/digits', range('100-1000'), 416, beyond],
    ['/digits', range('--6'), 200, { otherwise: 'a malformed Range is as good as none (RFC 9110, 14.2)' }],
    ['/digits', range('---0'), 200],
    ['/digits', range('-6-'), 200],
    ['/digits', range('-0'), 416, { otherwise: 'the last no bytes cannot be had (206 there)' }],
    ['/digits', range(''), 200],
    ['/empty.txt', range('0-4'), 200, { body: '' }],
    ['/../digits', {}, 404, { otherwise: 'a way up is not cleaned away' }],
    ['/..', {}, 404],
    ['/../', {}, 404],
    ['/..\\digits', {}, 404],
    ['/a..', {}, 200, { body: 'dots' }],
    ['/digits/..', {}, 404],
    ['//digits', {}, 200],
    ['/digits/', {}, 301, { headers: { location: '../digits' } }],
    ['/pets', {}, 301, { headers: { location: 'pets/' } }],
    ['/pets/index.html', {}, 301, { headers: { location: './' } }],
    ['/pets/', {}, 200, { body: 'pets' }],
    ['/digits/not-a-folder', {}, 404],
    ['/name.html.gz', {}, 200, { body: 'gz', headers: { 'content-type': 'application/octet-stream' } }],
    ['/digits', { 'If-None-Match': 'ETAG' }, 304],
    ['/digits', { 'If-None-Match': '"x", ETAG' }, 304],
    ['/digits', { 'If-None-Match': '*' }, 304],
    ['/digits', { 'If-None-Match': '"x"', 'If-Modified-Since': stamp }, 200],
    ['/digits', { 'If-Match': '"x"' }, 412],
    ['/digits', { 'If-Match': 'ETAG' }, 200],
    ['/digits', { 'If-Match': 'W/ETAG' }, 412],
    ['/digits', { ...range('0-4'), 'If-None-Match': 'ETAG' }, 304],
    ['/digits', { ...range('0-4'), 'If-Match': '"x"' }, 412],
    ['/digits', { ...range('0-4'), 'If-Range': 'W/ETAG' }, 200],
  ])('%s %j is %i', async (...row) => void (await check(row)))
})
