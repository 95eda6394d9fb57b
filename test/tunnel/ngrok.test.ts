// Tested against a stand-in for the agent's API, as ngrok.com/docs/agent/api describes it.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { openNgrokTunnel } from '../../src/tunnel/ngrok.ts'
import { listen } from '../helpers/port.ts'

const tunnelOf = (name: string, addr: string, url: string) => ({
  name,
  ID: 'c0ffee',
  uri: `/api/tunnels/${name}`,
  public_url: url,
  proto: url.split(':')[0],
  config: { addr, inspect: true },
  metrics: { conns: { count: 0 } },
})

/** An agent with some tunnels; it records its requests, and has a fixed answer to a request to open a tunnel. */
async function startAgent(tunnels: unknown[], answer?: { status: number; body: unknown }) {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request)
      asked.push([request.method, request.url, ...(body === '' ? [] : [JSON.parse(body)])])
      if (request.method === 'DELETE') response.writeHead(204).end()
      else if (request.method === 'GET') response.end(JSON.stringify({ tunnels, uri: '/api/tunnels' }))
      else {
        const opened = tunnelOf(JSON.parse(body).name, 'http://localhost:8080', 'http://abc.ngrok.example')
        response.writeHead(answer?.status ?? 201).end(JSON.stringify(answer?.body ?? opened))
      }
    })()
  })
  onTestFinished(() => void server.close())
  const said: string[] = []
  const say = (line: string) => void said.push(line)
  const apiPort = await listen(server)
  const signal = new AbortController().signal
  return {
    asked,
    said,
    options: { apiPort, localPort: 8080, report: { warn: say, detail: say, debug: () => {} }, signal },
  }
}

test.each([
  [['http://localhost:8080', 'http://a.example'], 'http://a.example'],
  [['localhost:8080', 'http://a.example/'], 'http://a.example'],
  [['8080', 'http://a.example'], 'http://a.example'],
  [['http://127.0.0.1:8080', 'https://a.example'], 'https://a.example'],
])('uses an existing tunnel: %j', async ([addr = '', url = ''], expected) => {
  const others = [
    tunnelOf('ssh', 'localhost:22', 'tcp://0.tcp.example:1'),
    tunnelOf('x', 'http://localhost:80', 'http://x.example'),
    tunnelOf('raw', 'localhost:8080', 'tcp://1.tcp.example:2'),
  ]
  const { options, asked, said } = await startAgent([...others, tunnelOf('mine', addr, url)])
  const tunnel = await openNgrokTunnel(options)
  expect(tunnel.url).toBe(expected)
  await tunnel[Symbol.asyncDispose]()
  expect(asked).toEqual([['GET', '/api/tunnels']])
  expect(said).toEqual(
    url.startsWith('https:') ? [`ngrok's URL "${url}" is https, over which iPXE often cannot fetch`] : [],
  )
})

test('prefers http, which iPXE can fetch', async () => {
  const [secure, plain] = [tunnelOf('a', '8080', 'https://a.example'), tunnelOf('b', '8080', 'http://a.example')]
  const { options } = await startAgent([secure, plain])
  expect((await openNgrokTunnel(options)).url).toBe('http://a.example')
})

test('otherwise opens a tunnel, and closes it', async () => {
  const { options, asked } = await startAgent([tunnelOf('other', 'http://elsewhere:8080', 'http://x.example')])
  const tunnel = await openNgrokTunnel(options)
  expect(tunnel.url).toBe('http://abc.ngrok.example')
  await tunnel[Symbol.asyncDispose]()
  const name: unknown = expect.stringMatching(/^metalkit-[0-9a-f]{8}$/)
  expect(asked).toEqual([
    ['GET', '/api/tunnels'],
    ['POST', '/api/tunnels', { name, proto: 'http', addr: '8080', schemes: ['http'] }],
    ['DELETE', expect.stringMatching(/^\/api\/tunnels\/metalkit-[0-9a-f]{8}$/)],
  ])
})

test.each([
  [
    {
      status: 502,
      body: {
        error_code: 103,
        status_code: 502,
        msg: 'failed to start tunnel',
        details: { err: 'limited to 1 agent\nERR_NGROK_108' },
      },
    },
    'ngrok did not open a tunnel: limited to 1 agent',
  ],
  [
    { status: 400, body: { error_code: 102, status_code: 400, msg: 'invalid tunnel configuration', details: {} } },
    'ngrok did not open a tunnel: invalid tunnel configuration',
  ],
  [{ status: 500, body: 'oops' }, 'ngrok did not open a tunnel: it answered 500'],
])('reports why there is no tunnel: %j', async (answer, message) => {
  const { options } = await startAgent([], answer)
  await expect(openNgrokTunnel(options)).rejects.toMatchObject({ name: 'TunnelError', message })
})

test('says that no agent is running', async () => {
  const { options } = await startAgent([])
  await expect(openNgrokTunnel({ ...options, apiPort: 1 })).rejects.toMatchObject({
    name: 'TunnelError',
    message: 'no ngrok agent answers at "http://127.0.0.1:1/api/tunnels" (connection refused)',
  })
})
