import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Connections, type ConnectionSettings } from '../../src/http/connections.ts'
import { needs } from '../helpers/needs.ts'
import { portOf } from '../helpers/port.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-connections-'))
afterAll(() => rmSync(folder, { recursive: true }))

function connectionsWith(settings: ConnectionSettings = {}): Connections {
  const connections = new Connections(settings)
  onTestFinished(() => connections.close())
  return connections
}

/** Starts a server that ends with the test. @returns its port, and the sockets that it has accepted */
async function listen(server: Server): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: portOf(server), sockets }
}

async function serve(answer: RequestListener, options: ServerOptions = {}) {
  const { port, sockets } = await listen(createServer(options, answer))
  return { url: new URL(`http://127.0.0.1:${port}/x?y=1`), sockets }
}

/** Sends the beginning of a response, byte by byte and without end. */
function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nx: ')
  const dripping = setInterval(() => socket.write('x'), 20)
  socket.once('close', () => clearInterval(dripping)).on('error', () => {})
}

/** A connection to a name whose look-up never ends. */
const openNever = () => connect({ host: 'metal.example', port: 1, lookup: () => {} })

const get = { method: 'GET' as const }
const read = async (answer: IncomingMessage) => await text(answer)

describe('connections are used again', () => {
  test('while the server keeps them, and closed two seconds before it closes them', async () => {
    const { url, sockets } = await serve((_, response) => response.end('ok'), { keepAliveTimeout: 3000 })
    const connections = connectionsWith()
    for (let i = 0; i < 3; i++) await read(await connections.request(url, get))
    expect(sockets).toHaveLength(1)
    // The client has closed it: the server's own end would leave this false.
    await expect.poll(() => sockets[0]?.readableEnded).toBe(true)
    await read(await connections.request(url, get))
    expect(sockets).toHaveLength(2)
  })

  test('for the time that is set if the server says nothing of it', async () => {
    const { url, sockets } = await serve((_, response) => {
      response.writeHead(200, { connection: 'keep-alive' })
      response.end('ok')
    })
    // Node's server leaves its hint out if it is told of the header.
    const connections = connectionsWith({ idleMs: 300 })
    await read(await connections.request(url, get))
    await expect.poll(() => sockets[0]?.readableEnded).toBe(true)
    expect(sockets).toHaveLength(1)
  })

  test('not after a pause of the process that is longer than the server keeps them', async () => {
    const { url, sockets } = await serve((_, response) => response.end('ok'), { keepAliveTimeout: 3000 })
    const connections = connectionsWith()
    await read(await connections.request(url, get))
    // Let Node keep the connection, and then stop everything for longer than the second that it is kept.
    await sleep(50)
    const untilMs = performance.now() + 1200
    while (performance.now() < untilMs);
    await read(await connections.request(url, { method: 'POST', body: '{}' }))
    expect(sockets).toHaveLength(2)
  })

  test('never if the server closes them within two seconds', async () => {
    const { url, sockets } = await serve((_, response) => response.end('ok'), { keepAliveTimeout: 2000 })
    const connections = connectionsWith()
    for (let i = 0; i < 2; i++) await read(await connections.request(url, get))
    expect(sockets).toHaveLength(2)
  })

  test('without a POST that meets a connection just closed', async () => {
    let handled = 0
    const answer: RequestListener = (_, response) => {
      handled++
      response.end('ok')
    }
    const { url } = await serve(answer, { keepAliveTimeout: 1000 })
    const connections = connectionsWith()
    const posts = 40
    await Promise.all(
      Array.from({ length: posts }, async (_, index) => {
        for (const delayMs of [0, 985 + index]) {
          await sleep(delayMs)
          await read(await connections.request(url, { method: 'POST', body: '{}' }))
        }
      }),
    )
    expect(handled).toBe(2 * posts)
  })

  test('at most so many at a time as are allowed', async () => {
    const { url, sockets } = await serve((_, response) => void setTimeout(() => response.end('ok'), 50))
    const connections = connectionsWith({ maxConnections: 2 })
    const texts = await Promise.all(
      Array.from({ length: 6 }, async () => await read(await connections.request(url, get))),
    )
    expect(texts).toEqual(Array.from({ length: 6 }, () => 'ok'))
    expect(sockets).toHaveLength(2)
  })
})

describe('each wait has its limit', () => {
  test('a connection that is never made', async () => {
    const connections = connectionsWith({ connectMs: 100, openSecure: openNever })
    const asking = connections.request(new URL('https://192.0.2.1/'), get)
    await expect(asking).rejects.toMatchObject({ phase: 'connect', message: 'the connection timed out' })
  })

  test('a TLS handshake that is never answered, even if an answer may come sooner than a connection', async () => {
    const { port } = await listen(createTcpServer())
    const connections = connectionsWith({ connectMs: 300, answerMs: 100 })
    const asking = connections.request(new URL(`https://127.0.0.1:${port}/`), get)
    await expect(asking).rejects.toMatchObject({ phase: 'connect' })
  })

  test('a proxy that never answers', async () => {
    const { port } = await listen(createTcpServer())
    const connections = connectionsWith({ connectMs: 100, findProxy: () => new URL(`http://127.0.0.1:${port}`) })
    const asking = connections.request(new URL('http://metal.example/'), get)
    await expect(asking).rejects.toMatchObject({ phase: 'connect' })
  })

  test('an answer that never begins, the first and the second of a connection', async () => {
    let requests = 0
    const { url, sockets } = await serve((_, response) => void (requests++ === 0 && response.end('ok')))
    const connections = connectionsWith({ answerMs: 200 })
    await read(await connections.request(url, get))
    await expect(connections.request(url, get)).rejects.toMatchObject({
      phase: 'answer',
      message: 'no answer came in time',
    })
    await expect(connections.request(url, { ...get, answerMs: 100 })).rejects.toMatchObject({ phase: 'answer' })
    expect(sockets).toHaveLength(2)
  })

  test('an answer that stops midway', async () => {
    const { url } = await serve((_, response) => void response.write('begun'))
    const answer = await connectionsWith({ silenceMs: 200 }).request(url, get)
    await expect(read(answer)).rejects.toMatchObject({ phase: 'body', message: 'the answer stopped midway' })
  })

  test('an answer whose headers never end', async () => {
    const { port } = await listen(createTcpServer(drip))
    const asking = connectionsWith({ answerMs: 300 }).request(new URL(`http://127.0.0.1:${port}/`), get)
    await expect(asking).rejects.toMatchObject({ phase: 'answer' })
  })

  test('silence that begins while the reader is slow', async () => {
    const { url } = await serve((_, response) => void response.write(Buffer.alloc(2 ** 20)))
    const answer = await connectionsWith({ silenceMs: 100 }).request(url, get)
    await sleep(300)
    await expect(read(answer)).rejects.toMatchObject({ phase: 'body' })
  })

  test('but a slow reader is no silence, and a slow line none either', async () => {
    const size = 24 * 2 ** 20
    const { url } = await serve((request, response) => {
      if (request.method === 'GET') return response.end(Buffer.alloc(size))
      let bytes = 0
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        request.pause()
        setTimeout(() => request.resume(), 3)
      })
      return request.on('end', () => response.end(String(bytes)))
    })
    const connections = connectionsWith({ answerMs: 800, silenceMs: 200 })
    const answer = await connections.request(url, get)
    await sleep(700)
    expect(await read(answer)).toHaveLength(size)
    const start = performance.now()
    const sent = await connections.request(url, { method: 'PUT', body: Buffer.alloc(size) })
    expect(performance.now() - start).toBeGreaterThan(1000)
    expect(await read(sent)).toBe(String(size))
  })
})

describe('an abort ends a request at once', () => {
  const rows: { when: string; prepare: () => Promise<{ url: URL; settings?: ConnectionSettings }>; error: RegExp }[] = [
    {
      when: 'before its connection is made',
      prepare: async () => ({ url: new URL('https://192.0.2.1/'), settings: { openSecure: openNever } }),
      error: /^enough$/,
    },
    {
      when: 'before the proxy answers',
      async prepare() {
        const { port } = await listen(createTcpServer())
        const findProxy = () => new URL(`http://127.0.0.1:${port}`)
        return { url: new URL('http://metal.example/'), settings: { findProxy } }
      },
      error: /^enough$/,
    },
    { when: 'before its answer begins', prepare: async () => await serve(() => {}), error: /^enough$/ },
    {
      when: 'while its answer is read',
      prepare: async () => await serve((_, response) => void response.write('begun')),
      error: /^enough$/,
    },
  ]
  test.each(rows)('$when', async ({ prepare, error }) => {
    const { url, settings } = await prepare()
    const ending = new AbortController()
    const asking = connectionsWith(settings)
      .request(url, { ...get, signal: ending.signal })
      .then(read)
    setTimeout(() => ending.abort(new Error('enough')), 100)
    await expect(asking).rejects.toThrow(error)
  })

  test('also in the turn in which its answer ends, and a cut answer is never complete', async () => {
    const size = 100_000
    const { url } = await serve((_, response) => response.end(Buffer.alloc(size)))
    const connections = connectionsWith()
    for (let reads = 1; reads <= 3; reads++) {
      const ending = new AbortController()
      let bytes = 0
      const reading = (async () => {
        const answer = await connections.request(url, { ...get, signal: ending.signal })
        let chunks = 0
        for await (const chunk of answer) {
          bytes += chunk.length
          if (++chunks === reads) ending.abort(new Error('enough'))
        }
      })()
      await reading.catch((error: unknown) => expect(error).toHaveProperty('message', 'enough'))
      const isCut = await reading.then(
        () => false,
        () => true,
      )
      expect(isCut || bytes === size, `${bytes} bytes after ${reads} reads`).toBe(true)
    }
    const { url: small } = await serve((_, response) => response.end('ok'))
    const ending = new AbortController()
    const answer = await connections.request(small, { ...get, signal: ending.signal })
    // Ends the request when its last bytes are read. An error of the connection then must not end the process.
    answer.once('data', () => ending.abort(new Error('enough')))
    await finished(answer).catch(() => {})
    await sleep(50)
  })

  test('with its reason, and before anything is sent if it came first', async () => {
    const { url, sockets } = await serve(() => {})
    const reason = new Error('enough')
    const asking = connectionsWith().request(url, { ...get, signal: AbortSignal.abort(reason) })
    await expect(asking).rejects.toBe(reason)
    expect(sockets).toEqual([])
  })
})

describe('closing', () => {
  test('fails the requests that wait, sends none of those in the queue, and allows no other', async () => {
    const seen: string[] = []
    const { url } = await serve((request) => {
      request.on('data', (bytes: Buffer) => seen.push(bytes.toString()))
    })
    const connections = connectionsWith({ maxConnections: 1 })
    const asked = ['a', 'b', 'c'].map((body) => connections.request(url, { method: 'POST', body }))
    await expect.poll(() => seen).toEqual(['a'])
    connections.close()
    const outcomes = await Promise.allSettled([...asked, connections.request(url, get)])
    expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'))
    await sleep(100)
    expect(seen).toEqual(['a'])
  })

  test('fails a later request through a proxy too', async () => {
    const connections = connectionsWith({ findProxy: () => new URL('http://127.0.0.1:1') })
    connections.close()
    await expect(connections.request(new URL('http://metal.example/'), get)).rejects.toThrow('closed')
  })
})

test('a server that answers before it has read the body holds no connection', async () => {
  const { port } = await listen(
    createTcpServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', () => {
          socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno')
          socket.pause()
        })
    }),
  )
  const url = new URL(`http://127.0.0.1:${port}/`)
  const connections = connectionsWith({ maxConnections: 1 })
  for (let i = 0; i < 2; i++) {
    const answer = await connections.request(url, { method: 'PUT', body: Buffer.alloc(30 * 2 ** 20) })
    expect(await read(answer)).toBe('no')
  }
})

test('no warning of listeners, whatever number of requests one signal ends', async () => {
  const warnings: string[] = []
  const note = ({ message }: Error) => warnings.push(message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const { url } = await serve((_, response) => void setTimeout(() => response.end('ok'), 50))
  const { signal } = new AbortController()
  const connections = connectionsWith()
  await Promise.all(
    Array.from({ length: 10 }, async () => await read(await connections.request(url, { ...get, signal }))),
  )
  for (let i = 0; i < 20; i++) await read(await connections.request(url, { ...get, signal }))
  expect(warnings).toEqual([])
})

describe('what is sent', () => {
  test.each<[string, Parameters<Connections['request']>[1], Record<string, string | undefined>]>([
    ['a GET', get, { 'content-length': undefined, 'transfer-encoding': undefined }],
    ['a POST without a body', { method: 'POST' }, { 'content-length': '0', 'transfer-encoding': undefined }],
    [
      'a DELETE with a body',
      { method: 'DELETE', body: '{}' },
      { 'content-length': '2', 'transfer-encoding': undefined },
    ],
    ['a text', { method: 'POST', body: 'gr\u00FCn' }, { 'content-length': '5', 'transfer-encoding': undefined }],
    [
      'bytes',
      { method: 'PUT', body: Buffer.alloc(200_000) },
      { 'content-length': '200000', 'transfer-encoding': undefined },
    ],
    ['headers', { ...get, headers: { 'x-auth-token': 't' } }, { 'x-auth-token': 't' }],
  ])('%s', async (_, outgoing, headers) => {
    const { url } = await serve((request, response) => response.end(JSON.stringify(request.headers)))
    url.username = 'unsent'
    const seen = JSON.parse(await read(await connectionsWith().request(url, outgoing)))
    for (const [name, value] of Object.entries(headers)) expect(seen[name], name).toBe(value)
    expect(seen).toMatchObject({ host: url.host })
    expect(seen).not.toHaveProperty('authorization')
  })

  test.each([
    ['an answer that is not HTTP', 'SSH-2.0-x\r\n', /^HPE_/],
    ['an answer cut in its headers', 'HTTP/1.1 200 OK\r\ncontent-le', /^ECONNRESET$/],
    [
      'a switch to another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      /^ECONNRESET$/,
    ],
  ])('%s is an error', async (_, answer, code) => {
    const { port } = await listen(createTcpServer((socket) => socket.once('data', () => socket.end(answer))))
    const asking = connectionsWith().request(new URL(`http://127.0.0.1:${port}/`), get)
    await expect(asking).rejects.toMatchObject({ code: expect.stringMatching(code) })
  })

  test.each([
    ['its length', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'],
    ['its last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
  ])('an answer that ends before %s is an error', async (_, answer) => {
    const { port } = await listen(createTcpServer((socket) => socket.once('data', () => socket.end(answer))))
    const half = await connectionsWith().request(new URL(`http://127.0.0.1:${port}/`), get)
    await expect(read(half)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('over TLS', needs('openssl'), () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  beforeAll(() => {
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const files = ['-keyout', key, '-out', cert, '-subj', '/CN=metal', '-addext', 'subjectAltName=DNS:metal.example']
    execFileSync('openssl', ['req', '-x509', ...options, ...files], { stdio: 'ignore' })
  })

  const serveSecure = async () => {
    const pair = { key: readFileSync(key), cert: readFileSync(cert) }
    const server = createSecureServer(pair, (request, response) => {
      response.end(`${request.headers.host} ${'servername' in request.socket ? String(request.socket.servername) : ''}`)
    })
    return await listen(server)
  }

  test('the usual port is left out of Host, and the name is the server that is asked for', async () => {
    const { port } = await serveSecure()
    const openSecure = ({ servername }: { servername: string }) =>
      connectTls({ host: '127.0.0.1', port, servername, ca: readFileSync(cert) })
    const answer = await connectionsWith({ openSecure }).request(new URL('https://metal.example/'), get)
    expect(await read(answer)).toBe('metal.example metal.example')
  })

  test('a certificate that is not trusted ends the request, directly and through a proxy', async () => {
    const { port } = await serveSecure()
    const url = new URL(`https://metal.example:${port}/`)
    const asked: (string | undefined)[] = []
    const proxy = createServer().on('connect', ({ url: target, headers }, socket: Socket) => {
      asked.push(target, headers.host, headers['proxy-authorization'])
      const onward = connect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
      socket.on('error', () => {})
      socket
        .pipe(onward)
        .on('error', () => {})
        .pipe(socket)
    })
    const { port: proxyPort } = await listen(proxy)
    const findProxy = () => new URL(`http://me:a%20b%zz@127.0.0.1:${proxyPort}`)
    const untrusted = { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }
    await expect(connectionsWith({ findProxy }).request(url, get)).rejects.toMatchObject(untrusted)
    const login = `Basic ${Buffer.from('me:a%20b%zz').toString('base64')}`
    expect(asked).toEqual([`metal.example:${port}`, `metal.example:${port}`, login])
    url.hostname = '127.0.0.1'
    await expect(connectionsWith().request(url, get)).rejects.toMatchObject(untrusted)
  })
})
