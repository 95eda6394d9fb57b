import { expect, test } from 'vitest'
import { z } from 'zod/mini'
import { describeError, UncertainError } from '../../src/errors.ts'
import type { Attempt, Call } from '../../src/http/answer.ts'
import { ApiCaller } from '../../src/http/caller.ts'
import { dropped, type Reply, startFakeApi } from '../helpers/api-fake.ts'
import { createFastClock } from '../helpers/clock.ts'
import { createRecorder } from '../helpers/recorder.ts'

/** Replies in order; the last one repeats. */
function inTurn(...replies: Reply[]): () => Reply {
  let next = 0
  return () => replies[Math.min(next++, replies.length - 1)] ?? dropped
}

function callerOf(apiUrl: string) {
  const attempts: Attempt[] = []
  const caller = new ApiCaller(
    {
      layer: 'sky',
      title: 'a Sky API',
      apiUrl,
      requestIdHeader: 'sky-id',
      headersFor(attempt) {
        attempts.push(attempt)
        return { authorization: `attempt ${attempts.length}` }
      },
      readCode: (text) => /^sky: (E\d+)/.exec(text)?.[1],
      readRefusal: (text) => (text.startsWith('sky: ') ? text.slice(5) : undefined),
      hintFor: ({ path }, { status }) => (status === 409 ? `another hint for ${path}` : undefined),
    },
    { env: {}, report: createRecorder(), clock: createFastClock(100) },
  )
  return { caller, attempts }
}

const create: Call = { method: 'POST', path: '/things?a=b', doing: 'creating a thing', body: { name: 'x' } }

test('a POST with a retry token is repeated after a lost answer, signed anew each time, and not without one', async () => {
  await using api = await startFakeApi(inTurn(dropped, { status: 503 }, { status: 200, json: { id: 'x' } }))
  const { caller, attempts } = callerOf(api.apiUrl)
  const call = { ...create, headers: { 'retry-token': 't' }, isRepeatable: true }
  expect(await caller.read(call, z.object({ id: z.string() }))).toEqual({ id: 'x' })
  expect(attempts).toHaveLength(3)
  expect(attempts[0]).toEqual({ method: 'POST', url: new URL(`${api.apiUrl}/things?a=b`), body: '{"name":"x"}' })
  expect(api.all.map(({ body }) => body)).toEqual([{ name: 'x' }, { name: 'x' }, { name: 'x' }])

  await using other = await startFakeApi(inTurn(dropped, { status: 200, json: { id: 'x' } }))
  await expect(callerOf(other.apiUrl).caller.call(create)).rejects.toThrow(UncertainError)
  expect(other.all).toHaveLength(1)
})

test.each<[Reply, string]>([
  [
    { status: 409, text: 'sky: taken', headers: { 'sky-id': 'a/b' } },
    'sky: creating a thing: the API answered 409 "taken" [request a/b]; another hint for /things?a=b',
  ],
  [
    { status: 404, text: '<p>' },
    'sky: creating a thing: the API answered 404 ("application/json", not an error in the API\'s format); check the API URL "URL": the answer is not from a Sky API',
  ],
  [{ status: 401, text: 'sky: no' }, 'sky: creating a thing: the API answered 401 "no"; --api-key is wrong'],
  [
    { status: 200, text: '{}' },
    'sky: creating a thing: the answer (200) has no valid "id"; check that "URL" is a Sky API',
  ],
])('an error names the API of its dialect: %j', async (reply, line) => {
  await using api = await startFakeApi(() => reply)
  const error: unknown = await callerOf(api.apiUrl)
    .caller.read(create, z.object({ id: z.string() }))
    .catch((thrown: unknown) => thrown)
  expect(describeError(error).replace(api.apiUrl, 'URL')).toContain(line)
})

test("the API's clock and its lab show in every answer", async () => {
  await using api = await startFakeApi(() => ({
    status: 204,
    headers: { date: 'Sat, 28 Nov 2026 12:00:00 GMT', 'x-metalkit-lab': 'yes' },
  }))
  const { caller } = callerOf(api.apiUrl)
  expect(caller.isLab).toBe(false)
  const call = { method: 'GET', path: '/', doing: 'asking' } as const
  expect(await caller.readTime(call)).toBe(Date.parse('2026-11-28T12:00:00Z'))
  expect(caller.isLab).toBe(true)
  expect(Math.abs(caller.nowMs() - Date.parse('2026-11-28T12:00:00Z'))).toBeLessThan(60_000)
})

test("a refusal has the API's own code", async () => {
  await using api = await startFakeApi(inTurn({ status: 422, text: 'sky: E7 taken' }, { status: 422, text: '<p>' }))
  const { caller } = callerOf(api.apiUrl)
  await expect(caller.call(create)).rejects.toMatchObject({ status: 422, refusalCode: 'E7' })
  await expect(caller.call(create)).rejects.toMatchObject({ status: 422, refusalCode: undefined })
})
