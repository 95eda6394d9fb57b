// URLs checked against servers that behave well and badly.
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type Server } from 'node:net'
import { describe, expect, test } from 'vitest'
import { checkUrls, hintOfUrls } from '../../src/serve/check-urls.ts'
import { close, listen } from '../helpers/port.ts'
import { keepLines } from './help-serve.ts'

/** Listens on a free port until disposed. */
async function start(server: Server) {
  return { host: `127.0.0.1:${await listen(server)}`, [Symbol.asyncDispose]: () => close(server) }
}

const answer: RequestListener = ({ url = '', method = '', headers }, response) => {
  const to = (location: string, status = 302) => response.writeHead(status, { location }).end()
  const size = { 'Content-Length': 5 }
  const pages: Record<string, () => unknown> = {
    '/ok': () => response.writeHead(200, size).end('12345'),
    '/empty': () => response.writeHead(200, { 'Content-Length': 0 }).end(),
    '/unsized': () => response.writeHead(200).end('x'),
    '/get-only': () => (method === 'GET' ? response.writeHead(200, size).end('12345') : response.writeHead(405).end()),
    '/get-only-501': () => (method === 'GET' ? response.writeHead(404).end() : response.writeHead(501).end()),
    '/endless': () => (method === 'GET' ? response.write('x') : response.writeHead(405).end()),
    '/moved': () => to('ok?x', 301),
    '/circle': () => to('/circle-2'),
    '/circle-2': () => to('/circle'),
    '/to-missing': () => to('/missing', 308),
    '/to-ftp': () => to('ftp://elsewhere/x'),
    '/to-nothing': () => to('http://'),
    '/to-upper': () => to(`HTTP://${headers.host}/ok`),
    '/to-umlaut': () => to('/%C3%A9'),
    '/to-https': () => to(`https://${headers.host}/ok`),
    '/forbidden': () => response.writeHead(403).end(),
    '/no-content': () => response.writeHead(204).end(),
    '/hangs': () => undefined,
    '/cut': () => response.destroy(),
    '/locked': () => response.writeHead(headers.authorization === 'Basic dTpww6Q=' ? 200 : 401, size).end('12345'),
  }
  const page = pages[url.replace(/\?.*/, '')]
  const chain = /^\/chain\/(\d+)$/.exec(url)?.[1]
  if (page !== undefined) page()
  else if (chain !== undefined) to(Number(chain) === 1 ? '/ok' : `/chain/${Number(chain) - 1}`)
  else response.writeHead(404).end()
}

async function check(urls: string[], timeoutMs = 10_000, signal = new AbortController().signal) {
  const { lines, report } = keepLines()
  await checkUrls(urls, { signal, timeoutMs, hint: 'do this', report })
  return lines
}

test.each([
  ['/ok', ' is available, 5 bytes'],
  ['/unsized', ' is available, of unknown size'],
  ['/get-only', ' is available, 5 bytes'],
  ['/endless', ' is available, of unknown size'],
  ['/moved', ' (redirected to "http://HOST/ok?x") is available, 5 bytes'],
  ['/chain/10', ' (redirected to "http://HOST/ok") is available, 5 bytes'],
])('%s%s', async (path, said) => {
  await using server = await start(createServer(answer))
  const url = `http://${server.host}${path}`
  expect(await check([url])).toEqual([
    expect.stringContaining(`detail: "${url}"${said.replace('HOST', server.host)}, `),
  ])
})

test.each([
  ['/missing', 'the server answered 404 Not Found'],
  ['/forbidden', 'the server answered 403 Forbidden'],
  ['/no-content', 'the server answered 204 No Content'],
  ['/get-only-501', 'the server answered 404 Not Found'],
  ['/empty', 'it is empty'],
  ['/circle', 'it redirects in a loop, back to "http://HOST/circle"'],
  ['/chain/11', 'it redirects more than 10 times'],
  ['/to-missing', 'the server answered 404 Not Found (redirected to "http://HOST/missing")'],
  ['/to-ftp', 'it redirects to "ftp://elsewhere/x", which is not http or https'],
  ['/to-upper', 'it redirects to "HTTP://HOST/ok", where iPXE cannot follow: iPXE accepts "http", not "HTTP"'],
  [
    '/to-umlaut',
    'it redirects to "/%C3%A9", where iPXE cannot follow: it has non-ASCII characters, which iPXE sends incorrectly',
  ],
  ['/a\\b', 'iPXE cannot fetch it: it has a backslash, which iPXE does not treat as a slash'],
  ['/to-nothing', 'it redirects to "http://", which is not a URL'],
  ['/cut', 'the connection was closed without an answer'],
])('%s: %s', async (path, why) => {
  await using server = await start(createServer(answer))
  const url = `http://${server.host}${path}`
  await expect(check([url])).rejects.toMatchObject({
    name: 'ServeError',
    message: `"${url}" cannot be fetched: ${why.replace('HOST', server.host)}`,
    hint: 'do this',
  })
})

test('reports the first failure in the given order, even if a later URL fails sooner', async () => {
  await using server = await start(createServer(answer))
  const base = `http://${server.host}`
  await expect(check([`${base}/ok`, `${base}/hangs`, `${base}/missing`], 200)).rejects.toThrow(
    `"${base}/hangs" cannot be fetched: no answer within 0.2 s`,
  )
})

test('no listener, unknown host, no TLS', async () => {
  const gone = await start(createServer(answer))
  await gone[Symbol.asyncDispose]()
  await expect(check([`http://${gone.host}/x`])).rejects.toThrow(
    `"http://${gone.host}/x" cannot be fetched: nothing listens on "${gone.host}" (connection refused)`,
  )
  await expect(check(['http://none.invalid/x'])).rejects.toThrow(
    '"http://none.invalid/x" cannot be fetched: the host "none.invalid" does not resolve (DNS)',
  )
  await using plain = await start(createTcpServer((socket) => socket.resume().end('plain text\r\n')))
  await expect(check([`https://${plain.host}/x`])).rejects.toThrow('TLS failed: ')
  await using tls = await start(createTlsServer(answer))
  await expect(check([`https://${tls.host}/x`])).rejects.toThrow('TLS failed: ')
})

describe('secrets and signals', () => {
  test('a password is sent but never shown', async () => {
    await using server = await start(createServer(answer))
    expect(await check([`http://u:p%C3%A4@${server.host}/locked`])).toEqual([
      expect.stringContaining(`"http://u:***@${server.host}/locked" is available`),
    ])
    const refused = check([`http://u:wrong@${server.host}/locked`])
    await expect(refused).rejects.toThrow(
      `"http://u:***@${server.host}/locked" cannot be fetched: the server answered 401`,
    )
  })

  test('an abort ends the checks with its reason', async () => {
    await using server = await start(createServer(answer))
    const controller = new AbortController()
    const reason = new Error('stop')
    setTimeout(() => controller.abort(reason), 30)
    await expect(check([`http://${server.host}/hangs`], 10_000, controller.signal)).rejects.toBe(reason)
    await expect(check([`http://${server.host}/ok`], 10_000, controller.signal)).rejects.toBe(reason)
  })
})

test('scripts get an event for each URL that can be fetched', async () => {
  await using server = await start(createServer(answer))
  const { events, report } = keepLines()
  const urls = ['ok', 'unsized', 'moved'].map((name) => `http://${server.host}/${name}`)
  await checkUrls(urls, { signal: new AbortController().signal, timeoutMs: 10_000, hint: '', report })
  expect(events).toHaveLength(3)
  expect(events).toEqual(
    expect.arrayContaining([
      ['url-checked', { url: urls[0], status: 200, bytes: 5 }],
      ['url-checked', { url: urls[1], status: 200 }],
      ['url-checked', { url: urls[2], status: 200, bytes: 5 }],
    ]),
  )
})

describe('proxies', () => {
  test.each([
    ['http://192.0.2.1/ok', {}, ['http://192.0.2.1/ok']],
    ['http://192.0.2.1/ok', { no_proxy: 'example.com' }, ['http://192.0.2.1/ok']],
    ['http://127.0.0.1:1/ok', {}, []],
    ['http://localhost:1/ok', {}, []],
    ['http://[::1]:1/ok', {}, []],
    ['http://none.invalid/ok', { NO_PROXY: '.invalid' }, []],
  ])('%s with %j', async (url, env, expected) => {
    const asked: string[] = []
    await using proxy = await start(
      createServer((request, response) => {
        asked.push(request.url ?? '')
        response.writeHead(200, { 'Content-Length': 5 }).end('12345')
      }),
    )
    const { report } = keepLines()
    const options = { signal: new AbortController().signal, hint: '', timeoutMs: 5000, report }
    const checked = checkUrls([url], { ...options, env: { http_proxy: `http://${proxy.host}`, ...env } })
    await (expected.length === 0 ? expect(checked).rejects.toThrow('cannot be fetched') : checked)
    expect(asked).toEqual(expected)
  })

  test('a proxy that is not a URL is a usage error and is not quoted', async () => {
    const { report } = keepLines()
    const options = {
      signal: new AbortController().signal,
      timeoutMs: 5000,
      report,
      hint: '',
      env: { HTTP_PROXY: 'me:secret' },
    }
    await expect(checkUrls(['http://192.0.2.1/ok'], options)).rejects.toThrow(
      /^HTTP_PROXY is not an http or https URL$/,
    )
  })
})

test('a redirect from http to https gives a warning', async () => {
  await using server = await start(createServer(answer))
  const { lines, report } = keepLines()
  const options = { signal: new AbortController().signal, timeoutMs: 10_000, hint: '', report }
  await expect(checkUrls([`http://${server.host}/to-https`], options)).rejects.toThrow('TLS failed')
  expect(lines).toEqual([expect.stringMatching(/^warn: .*to-https" redirects to "https:.* cannot fetch https/)])
})

test.each([
  ['http://192.0.2.1:8080', undefined, 'push the image there first, or pass -serve to serve it from this computer'],
  [
    'http://192.0.2.1:8080/x',
    8080,
    'check that the base URL leads to port 8080 of this computer, where -serve listens',
  ],
  [
    'http://192.0.2.1:9090',
    8080,
    '-serve listens on port 8080, but the base URL names port 9090: use the same port for both, or forward 9090 to 8080',
  ],
  ['http://192.0.2.1', 80, 'check that the base URL leads to port 80 of this computer, where -serve listens'],
  [
    'https://192.0.2.1',
    8080,
    '-serve listens on port 8080, but the base URL names port 443: use the same port for both, or forward 443 to 8080',
  ],
])('a base URL %s that does not work although -serve listens on %s', (baseUrl, port, hint) => {
  expect(hintOfUrls(baseUrl, port)).toBe(hint)
})
