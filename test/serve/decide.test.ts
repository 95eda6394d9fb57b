// Every header that affects the response, as tables: no server, no files.
import { describe, expect, test } from 'vitest'
import { readHttpDate } from '../../src/serve/files/conditional.ts'
import { decide, refuseRequest, type Resource } from '../../src/serve/decide.ts'
import { mediaType } from '../../src/serve/files/media-type.ts'
import { readRange } from '../../src/serve/files/range.ts'

const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
const before = 'Sun, 06 Nov 1994 08:49:36 GMT'
const after = 'Sun, 06 Nov 1994 08:49:38 GMT'
const file: Resource = {
  kind: 'file',
  name: 'demo-kernel',
  sizeBytes: 1000,
  etag: '"v1"',
  modifiedMs: Date.UTC(1994, 10, 6, 8, 49, 37, 900),
}

const get = (headers: Record<string, string>, method = 'GET') => decide({ method, httpVersion: '1.1', headers }, file)

test('a file without conditions', () => {
  expect(get({})).toEqual({
    status: 200,
    headers: {
      'Accept-Ranges': 'bytes',
      ETag: '"v1"',
      'Last-Modified': date,
      'X-Content-Type-Options': 'nosniff',
      'Content-Type': 'application/octet-stream',
      'Content-Length': 1000,
    },
    body: { kind: 'bytes', start: 0, end: 1000 },
  })
})

describe('conditions', () => {
  const rows: [Record<string, string>, number][] = [
    [{ 'if-none-match': '"v1"' }, 304],
    [{ 'if-none-match': 'W/"v1"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"a", "v1"' }, 304],
    [{ 'if-none-match': '"a,"v1"' }, 200],
    [{ 'if-none-match': '"v2"' }, 200],
    [{ 'if-none-match': 'v1' }, 200],
    [{ 'if-none-match': '' }, 200],
    [{ 'if-none-match': '"v2"', 'if-modified-since': date }, 200],
    [{ 'if-modified-since': date }, 304],
    [{ 'if-modified-since': after }, 304],
    [{ 'if-modified-since': before }, 200],
    [{ 'if-modified-since': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 304],
    [{ 'if-modified-since': 'Sun Nov  6 08:49:37 1994' }, 304],
    [{ 'if-modified-since': '2030' }, 200],
    [{ 'if-modified-since': 'tomorrow' }, 200],
    [{ 'if-match': '"v1"' }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"v2"' }, 412],
    [{ 'if-match': 'W/"v1"' }, 412],
    [{ 'if-unmodified-since': date }, 200],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': 'nonsense' }, 200],
    [{ 'if-match': '"v1"', 'if-unmodified-since': before }, 200],
    [{ 'if-match': '"v2"', 'if-none-match': '"v1"' }, 412],
    [{ 'if-match': '"v1"', 'if-none-match': '"v1"' }, 304],
    [{ range: 'bytes=0-0', 'if-none-match': '"v1"' }, 304],
    [{ range: 'bytes=0-0', 'if-range': '"v1"' }, 206],
    [{ range: 'bytes=0-0', 'if-range': '"v2"' }, 200],
    [{ range: 'bytes=0-0', 'if-range': 'W/"v1"' }, 200],
    [{ range: 'bytes=0-0', 'if-range': date }, 206],
    [{ range: 'bytes=0-0', 'if-range': after }, 200],
    [{ range: 'bytes=0-0', 'if-range': 'nonsense' }, 200],
    [{ range: 'bytes=5000-', 'if-range': '"v2"' }, 200],
    [{ range: 'bytes=5000-' }, 416],
  ]

  test.each(rows)('%j gives %i', (headers, status) => {
    expect(get(headers).status).toBe(status)
    if (headers['range'] === undefined) expect(get(headers, 'HEAD').status).toBe(status)
  })

  test('a 304 has the validators and no body', () => {
    const { headers, body } = get({ 'if-none-match': '*' })
    expect(headers).toMatchObject({ ETag: '"v1"', 'Last-Modified': date })
    expect(headers).not.toHaveProperty('Content-Length')
    expect(body).toEqual({ kind: 'none' })
  })

  test('HEAD has no ranges', () => {
    expect(get({ range: 'bytes=0-0' }, 'HEAD')).toMatchObject({ status: 200, headers: { 'Content-Length': 1000 } })
  })
})

describe('ranges of 1000 bytes', () => {
  const rows: [string, ReturnType<typeof readRange>][] = [
    ['bytes=0-', { start: 0, end: 1000 }],
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=10-19', { start: 10, end: 20 }],
    ['bytes=999-', { start: 999, end: 1000 }],
    ['bytes=999-5000', { start: 999, end: 1000 }],
    ['bytes=-1', { start: 999, end: 1000 }],
    ['bytes=-5000', { start: 0, end: 1000 }],
    ['bytes= 1-2 ', { start: 1, end: 3 }],
    ['BYTES=1-2', { start: 1, end: 3 }],
    [`bytes=1-${'9'.repeat(400)}`, { start: 1, end: 1000 }],
    ['bytes=1000-', 'unsatisfiable'],
    [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-3', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=1', 'whole'],
    ['bytes=-1-2', 'whole'],
    ['bytes=0x1-2', 'whole'],
    ['bytes=0-1,4-5', 'whole'],
    ['lines=0-1', 'whole'],
    ['', 'whole'],
  ]

  test.each(rows)('%s', (header, range) => expect(readRange(header, 1000)).toEqual(range))
  test('an empty file is always sent whole', () => expect(readRange('bytes=0-', 0)).toBe('whole'))

  test('206 and 416 carry Content-Range', () => {
    expect(get({ range: 'bytes=-10' })).toMatchObject({
      status: 206,
      headers: { 'Content-Range': 'bytes 990-999/1000', 'Content-Length': 10 },
      body: { kind: 'bytes', start: 990, end: 1000 },
    })
    expect(get({ range: 'bytes=1000-' })).toMatchObject({
      status: 416,
      headers: { 'Content-Range': 'bytes */1000', 'Content-Length': 26 },
      body: { kind: 'text', text: '416 Range Not Satisfiable\n' },
    })
  })
})

test.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', 784111777],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 784111777],
  ['Sun Nov  6 08:49:37 1994', 784111777],
  ['Friday, 01-Jan-21 00:00:00 GMT', 1609459200],
  ['Sun, 06 Nov 1994 08:49:37 PST', undefined],
  ['1994-11-06T08:49:37Z', undefined],
  ['Sun, 99 Nov 1994 08:49:37 GMT', undefined],
  ['', undefined],
])('the date %s', (text, seconds) => expect(readHttpDate(text)).toBe(seconds))

test.each([
  ['demo-kernel', 'application/octet-stream'],
  ['demo-initrd.img', 'application/octet-stream'],
  ['demo-equinixmetal.ipxe', 'text/plain; charset=utf-8'],
  ['demo-cmdline', 'text/plain; charset=utf-8'],
  ['a.tar.gz', 'application/octet-stream'],
  ['INDEX.HTML', 'text/html; charset=utf-8'],
  ['a.json', 'application/json'],
  ['.html', 'application/octet-stream'],
])('%s is %s', (name, type) => expect(mediaType(name)).toBe(type))

test.each([
  ['GET', {}, undefined],
  ['HEAD', {}, undefined],
  ['GET', { expect: '100-Continue' }, undefined],
  ['GET', { expect: 'tea' }, 417],
  ['GET', { host: undefined }, 400],
  ['POST', {}, 405],
  ['OPTIONS', {}, 405],
  ['BREW', {}, 405],
])('%s %j is refused with %s', (method, headers, status) => {
  expect(refuseRequest({ method, httpVersion: '1.1', headers: { host: 'a', ...headers } })?.status).toBe(status)
})
