import { createServer, type RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { Connections } from '../../src/http/connections.ts'
import { follow } from '../../src/http/redirect.ts'
import { close, listen } from '../helpers/port.ts'

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  onTestFinished(() => close(server))
  return `http://127.0.0.1:${await listen(server)}`
}

function start(): Connections {
  const connections = new Connections()
  onTestFinished(() => connections.close())
  return connections
}

test('a name and password go to their own server only, and there again after a redirect back', async () => {
  const seen: (string | undefined)[] = []
  const other = await serve((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(307, { location: `${origin}/end` }).end()
  })
  const origin = await serve((request, response) => {
    seen.push(request.headers.authorization)
    if (request.url === '/end') response.end('here')
    else response.writeHead(302, { location: other.replace('//', '//spy:spy@') }).end()
  })
  const { answer, url } = await follow(start(), new URL(origin.replace('//', '//me:secret@')), {})
  expect([await text(answer), url.href]).toEqual(['here', `${origin}/end`])
  const login = `Basic ${Buffer.from('me:secret').toString('base64')}`
  expect(seen).toEqual([login, undefined, login])
})

test.each([
  ['redirects without end', '/', 11],
  ['a redirect to another protocol', 'ftp://127.0.0.1/x', 1],
  ['a redirect to what is no URL', 'http://[', 1],
])('%s: the last response is returned', async (_, location, expected) => {
  let requests = 0
  const origin = await serve((_request, response) => {
    requests++
    response.writeHead(301, { location }).end()
  })
  const { answer } = await follow(start(), new URL(origin), {})
  expect([answer.statusCode, requests]).toEqual([301, expected])
})
