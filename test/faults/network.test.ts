import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { startTestLab, type TestLab } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { portOf } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { judge, machinesIn, publishImage, runFast } from './world.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-network-'))
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
let lab: TestLab
let image: Awaited<ReturnType<typeof publishImage>>
let labPort = 0
let tls: Server
let proxy: Server
/** The requests that the proxy received, with every header. */
let asked: string[] = []
let refusing = false

/** The lab's API over TLS, with an untrusted certificate. */
function startTls(): Server {
  return createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (socket) => {
    const onward = connect(labPort, '127.0.0.1')
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
}

function startProxy(): Server {
  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url} ${JSON.stringify(incoming.headers)}`)
    const { host: _host, ...headers } = incoming.headers
    const onward = request(incoming.url ?? '', { method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    incoming.pipe(onward)
  })
  server.on('connect', (incoming, socket) => {
    asked.push(`CONNECT ${incoming.url} ${JSON.stringify(incoming.headers)}`)
    if (refusing) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const onward = connect(Number(incoming.url?.split(':').at(-1)), '127.0.0.1')
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    return socket.pipe(onward).pipe(socket)
  })
  return server
}

/** The built program: trusted certificates are read when a process starts. */
async function runBuilt(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [program, '-vv', ...args], {
    env: { ...labEnvironment(lab), PATH: process.env['PATH'], HOME: folder, ...env },
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (bytes: Buffer) => (texts.stdout += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (texts.stderr += bytes.toString()))
  const [code] = await once(child, 'close')
  return { code: Number(code), ...texts }
}

const https = (host: string) => `https://${host}:${portOf(tls)}/metal/v1`
/** A host name for this computer that is not a loopback address. */
const http = () => `http://0.0.0.0:${labPort}/metal/v1`
const proxyUrl = () => `http://127.0.0.1:${portOf(proxy)}`

describe('the network', needs('openssl'), () => {
  beforeAll(async () => {
    const names = 'subjectAltName=IP:0.0.0.0,IP:127.0.0.1'
    const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
    const files = ['-keyout', key, '-out', cert, '-subj', '/CN=metal', '-addext', names]
    execFileSync('openssl', ['req', '-x509', ...options, ...files], { stdio: 'ignore' })
    lab = await startTestLab()
    image = await publishImage()
    labPort = Number(new URL(lab.apiUrl).port)
    tls = startTls().listen(0, '0.0.0.0')
    proxy = startProxy().listen(0, '127.0.0.1')
    await Promise.all([tls, proxy].map((server) => once(server, 'listening')))
  })
  afterAll(async () => {
    tls.close()
    proxy.close()
    await image[Symbol.asyncDispose]()
    await lab[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  test('an unknown certificate is refused at once, before anything is sent to the server', async () => {
    const before = lab.lines.length
    const ls = await runFast(lab, ['ls', '-api-url', https('127.0.0.1')])
    expect(ls.code).toBe(4)
    expect(ls.stderr).toMatch(/^metalkit: metal: .*the certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/m)
    expect(ls.stderr).not.toContain('trying again')
    const run = ['run', 'equinixmetal', '-base-url', image.baseUrl, '-api-url', https('127.0.0.1'), image.prefix]
    const ending = await runFast(lab, run)
    expect(ending.code, ending.stderr).toBe(4)
    expect(lab.lines.slice(before)).toEqual([])
    expect(await judge(lab, ending)).toEqual([])
  })

  test('a certificate from a known authority is accepted', async () => {
    const { code, stderr } = await runBuilt(['ls', '-api-url', https('127.0.0.1')], { NODE_EXTRA_CA_CERTS: cert })
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('No machines.')
  })

  test('HTTPS_PROXY tunnels the connection, so the proxy does not see the token', async () => {
    asked = []
    const env = { NODE_EXTRA_CA_CERTS: cert, HTTPS_PROXY: proxyUrl() }
    const { code, stderr } = await runBuilt(['ls', '-api-url', https('0.0.0.0')], env)
    expect(code, stderr).toBe(0)
    expect(asked).toEqual([expect.stringMatching(`^CONNECT 0\\.0\\.0\\.0:${portOf(tls)} `)])
    expect(asked.join()).not.toContain(lab.token)
  })

  test.each<[string, string, () => Record<string, string>, number]>([
    ['HTTP_PROXY counts', 'http', () => ({ HTTP_PROXY: proxyUrl() }), 1],
    ['http_proxy is used too', 'http', () => ({ http_proxy: proxyUrl() }), 1],
    ['HTTPS_PROXY is not used for http', 'http', () => ({ HTTPS_PROXY: proxyUrl() }), 0],
    ['NO_PROXY bypasses the proxy', 'http', () => ({ HTTP_PROXY: proxyUrl(), NO_PROXY: '0.0.0.0' }), 0],
    ['this computer is never reached through it', 'loopback', () => ({ HTTP_PROXY: proxyUrl() }), 0],
  ])('%s', async (_, where, env, times) => {
    asked = []
    const { code, stderr } = await runFast(lab, ['ls', '-api-url', where === 'http' ? http() : lab.apiUrl], env())
    expect(code, stderr).toBe(0)
    expect(asked).toHaveLength(times)
  })

  test.each([
    ['refuses', () => proxyUrl(), true, 'the proxy from the environment refused to connect'],
    ['does not exist', () => 'http://127.0.0.1:1', false, 'the connection was refused'],
  ])('a proxy that %s ends a run before it rents', async (_, url, refuses, words) => {
    refusing = refuses
    const env = { HTTP_PROXY: url(), NO_PROXY: '127.0.0.1' }
    const args = ['run', 'equinixmetal', '-base-url', image.baseUrl, '-api-url', http(), image.prefix]
    const ending = await runFast(lab, args, env)
    refusing = false
    expect(ending.code, ending.stderr).toBe(4)
    expect(ending.stderr).toMatch(new RegExp(`^metalkit: metal: creating a machine: ${words}`, 'm'))
    expect(await judge(lab, ending)).toEqual([])
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each(['proxy.example', 'socks5://127.0.0.1:1', 'http://'])('HTTP_PROXY=%s is a mistake', async (url) => {
    const { code, stderr } = await runFast(lab, ['ls', '-api-url', http()], { HTTP_PROXY: url })
    expect(code).toBe(2)
    expect(stderr).toBe(
      'metalkit: usage: HTTP_PROXY is not an http or https URL; write it as http://host:port, or unset it\n',
    )
  })

  test('a taken server port ends a run before it rents', async () => {
    const taken = `127.0.0.1:${labPort}`
    const args = ['run', 'equinixmetal', '-base-url', `http://${taken}`, '-serve', taken, image.prefix]
    const ending = await runFast(lab, args)
    expect(ending.code, ending.stderr).toBe(5)
    expect(ending.stderr).toContain('is taken by another program')
    expect(await judge(lab, ending)).toEqual([])
    expect(await machinesIn(lab)).toEqual([])
  })
})
