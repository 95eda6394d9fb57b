import { describe, expect, test } from 'vitest'
import { decideRetry, type Failure, reportRetry, requestedDelayMs } from '../../src/http/retry.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const failure = (over: Partial<Failure>): Failure => ({
  method: 'GET',
  status: 503,
  neverSent: false,
  headers: {},
  ...over,
})

describe('requests that are retried', () => {
  test.each<[string, Partial<Failure>, boolean]>([
    ['GET 500', { status: 500 }, true],
    ['GET lost', { status: undefined }, true],
    ['PUT 502', { method: 'PUT', status: 502 }, true],
    ['DELETE lost', { method: 'DELETE', status: undefined }, true],
    ['POST 500', { method: 'POST', status: 500 }, false],
    ['POST lost', { method: 'POST', status: undefined }, false],
    ['POST never sent', { method: 'POST', status: undefined, neverSent: true }, true],
    ['POST 429', { method: 'POST', status: 429 }, true],
    ['GET 404', { status: 404 }, false],
    ['DELETE 422', { method: 'DELETE', status: 422 }, false],
    ['GET 401', { status: 401 }, false],
    ['GET 501', { status: 501 }, false],
    ['GET 408', { status: 408 }, true],
    ['HEAD 503', { method: 'HEAD', status: 503 }, true],
    ['PUT 504', { method: 'PUT', status: 504 }, true],
    ['POST 503', { method: 'POST', status: 503 }, false],
  ])('%s', (_, over, again) => {
    expect(decideRetry(failure(over), 1, now, 0.5) !== undefined).toBe(again)
  })

  test('at most six attempts', () => {
    expect([1, 5, 6].map((attempt) => decideRetry(failure({}), attempt, now, 0.5) === undefined)).toEqual([
      false,
      false,
      true,
    ])
  })
})

test('the delay doubles, with jitter from zero to its full length', () => {
  expect([1, 2, 3, 4, 5].map((attempt) => decideRetry(failure({}), attempt, now, 1))).toEqual([
    500, 1000, 2000, 4000, 8000,
  ])
  expect(decideRetry(failure({}), 5, now, 0)).toBe(0)
})

describe('delays that the API requests', () => {
  test.each<[Record<string, string>, number | undefined, number | undefined]>([
    [{ 'retry-after': '7' }, 503, 7000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 503, 30_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 503, 0],
    [{ 'retry-after': 'soon' }, 503, undefined],
    [{ 'x-ratelimit-reset': String(now / 1000 + 5) }, 429, 5000],
    [{ 'x-ratelimit-reset': String(now / 1000 + 5) }, 503, undefined],
    [{}, 429, undefined],
  ])('%j on %i is %s ms', (headers, status, ms) => {
    expect(requestedDelayMs(headers, status, now)).toBe(ms)
  })

  test('is respected, and never shortened', () => {
    expect(decideRetry(failure({ status: 429, headers: { 'retry-after': '7' } }), 1, now, 0.5)).toBe(7250)
    expect(decideRetry(failure({ status: 429, headers: { 'retry-after': '7' } }), 5, now, 1)).toBe(8000)
    expect(decideRetry(failure({ status: 429, headers: { 'retry-after': '120' } }), 1, now, 0)).toBe(120_000)
  })

  test('makes the call fail if it is too long', () => {
    expect(decideRetry(failure({ status: 429, headers: { 'retry-after': '121' } }), 1, now, 0.5)).toBeUndefined()
  })
})

test('retries are reported with the delay, the first only with -v', () => {
  const lines: string[] = []
  const report = {
    detail: (line: string) => void lines.push(`detail: ${line}`),
    info: (line: string) => void lines.push(`info: ${line}`),
  }
  reportRetry(report, 'it was lost', 1, 49)
  reportRetry(report, 'it was lost', 2, 51)
  reportRetry(report, 'it was lost', 3, 7250)
  expect(lines).toEqual([
    'detail: it was lost; trying again at once (attempt 2)',
    'info: it was lost; trying again in 0.1 s (attempt 3)',
    'info: it was lost; trying again in 7.3 s (attempt 4)',
  ])
})
