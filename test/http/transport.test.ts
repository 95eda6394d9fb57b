import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { connectTo, NoAnswerError, send } from '../../src/http/transport.ts'
import { dropped, type Reply, startFakeApi } from '../helpers/api-fake.ts'
import { close, listen } from '../helpers/port.ts'
import { createRecorder } from '../helpers/recorder.ts'

describe('without an answer', () => {
  test.each([
    ['ECONNREFUSED', true, false],
    ['ENOTFOUND', true, false],
    ['EAI_AGAIN', true, false],
    ['EHOSTUNREACH', true, false],
    ['ENETUNREACH', true, false],
    ['ECONNRESET', false, false],
    ['EPIPE', false, false],
    ['HPE_INVALID_CONSTANT', false, false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', true, true],
    ['CERT_HAS_EXPIRED', true, true],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true, true],
    ['ERR_TLS_CERT_ALTNAME_INVALID', true, true],
  ])('%s: never sent is %s, untrusted is %s', (code, neverSent, untrusted) => {
    const lost = new NoAnswerError('lost', Object.assign(new Error('lost'), { code }))
    expect({ neverSent: lost.neverSent, untrusted: lost.untrusted }).toEqual({ neverSent, untrusted })
  })
})

test.each<[string, Reply, RegExp]>([
  ['an answer', { status: 404, json: {} }, /^GET 127\.0\.0\.1:\d+\/metal\/v1\/x\?y=1 404 \d+ ms$/],
  [
    'none',
    dropped,
    /^GET 127\.0\.0\.1:\d+\/metal\/v1\/x\?y=1 the connection was closed before the answer was complete \d+ ms$/,
  ],
])('a request is one line with -vv: %s', async (_, reply, line) => {
  await using api = await startFakeApi(() => reply)
  const report = createRecorder()
  const connections = connectTo(api.apiUrl, {}, systemClock)
  await send(connections, `${api.apiUrl}/x?y=1`, { method: 'GET', headers: {} }, report)
  connections.close()
  expect(report.lines).toEqual([expect.stringMatching(line)])
})

test('an answer that sends bytes without end, but no content, takes too long', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=')
    const dripping = setInterval(() => socket.write('x'), 20)
    socket.once('close', () => clearInterval(dripping))
  })
  const url = `http://127.0.0.1:${await listen(server)}`
  const connections = connectTo(url, {}, systemClock)
  const outgoing = { method: 'GET' as const, patienceMs: 200 }
  const answer = await send(connections, url, outgoing, createRecorder())
  expect(answer).toBeInstanceOf(NoAnswerError)
  expect(answer).toHaveProperty('message', 'the answer takes too long')
  connections.close()
  await close(server)
})
