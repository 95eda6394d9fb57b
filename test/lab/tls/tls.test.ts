// A lab with TLS, as real clients reach it.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { labEnvironment } from '../../../src/lab/environment.ts'
import { startTestLab, type TestLab, type TestLabOptions, waitUntil } from '../../helpers/lab.ts'
import { findPython, needs, needsPython } from '../../helpers/needs.ts'

const page = new URL('../../../src/lab/page/client', import.meta.url).pathname
const plainEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/CERT|CA_BUNDLE|_proxy$/i.test(name)),
)

/** A lab's variables, and programs that run with them. */
function clientsOf(lab: TestLab) {
  const env = { ...plainEnv, ...labEnvironment(lab) }
  return {
    run: async (program: string, ...args: string[]) => (await promisify(execFile)(program, args, { env })).stdout,
    token: `X-Auth-Token: ${lab.token}`,
    origin: lab.apiUrl.replace('/metal/v1', ''),
  }
}

/** Connects as a page of an origin does. */
const connectPage = async (url: string, from: string) => {
  const socket = new WebSocket(`${url}/page/live`, { origin: from, rejectUnauthorized: false })
  const result = await new Promise<string>((resolve) => {
    socket.on('open', () => resolve('open'))
    socket.on('error', () => resolve('refused'))
  })
  socket.terminate()
  return result
}

const start = async (options: TestLabOptions = {}) =>
  await startTestLab({ pageFolder: page, tls: { env: {} }, ...options })

describe('the clients', needs('curl'), () => {
  let lab: TestLab
  beforeAll(async () => {
    lab = await start()
  })
  afterAll(async () => await lab[Symbol.asyncDispose]())

  test('curl trusts API and page, at the address, localhost, and names that clients have compiled in', async () => {
    const { run, token } = clientsOf(lab)
    const { port } = new URL(lab.apiUrl)
    expect(lab.apiUrl).toBe(`https://127.0.0.1:${port}/metal/v1`)
    const places = ['127.0.0.1', 'localhost', 'api.packet.net', 'api.equinix.com', 'host.docker.internal']
    for (const host of places) {
      for (const path of ['metal/v1/user', 'user']) {
        const text = await run(
          'curl',
          '-sSf',
          '--resolve',
          `${host}:${port}:127.0.0.1`,
          '-H',
          token,
          `https://${host}:${port}/${path}`,
        )
        expect(JSON.parse(text), `${host} ${path}`).toMatchObject({ first_name: 'Lab' })
      }
    }
    expect(await run('curl', '-sSf', `https://127.0.0.1:${port}/`)).toContain('<title>metalkit lab</title>')
  })

  test('without the variables no client trusts it', async () => {
    const asked = promisify(execFile)('curl', ['-sS', `${lab.apiUrl}/user`], { env: plainEnv })
    await expect(asked).rejects.toMatchObject({ code: 60 })
    // The handshake that failed ended no other connection.
    const { run, token } = clientsOf(lab)
    expect(await run('curl', '-sSf', '-H', token, `${lab.apiUrl}/user`)).toContain('Lab')
    expect(lab.lines.join('\n')).toMatch(/no TLS with a client/)
  })

  test("Python's requests trusts it", needsPython('requests'), async () => {
    const { run } = clientsOf(lab)
    const code = `import os, requests
e = os.environ
r = requests.get(e["METAL_API_URL"] + "/projects", headers={"X-Auth-Token": e["METAL_API_TOKEN"]})
print(r.status_code, r.json()["projects"][0]["id"])`
    expect(await run(findPython('requests') ?? 'python3', '-c', code)).toBe(`200 ${lab.projectId}\n`)
  })

  test("Node's fetch trusts it, and a body of a megabyte arrives", async () => {
    const { run } = clientsOf(lab)
    const code = `const { METAL_API_URL, METAL_API_TOKEN: token } = process.env
      const ask = (path, init) => fetch(METAL_API_URL + path, { headers: { 'x-auth-token': token }, ...init })
      const user = await (await ask('/user')).json()
      const large = await ask('/projects', { method: 'POST', body: JSON.stringify({ name: 'x'.repeat(1000000) }) })
      console.log(user.first_name, large.status, await large.text())`
    expect(await run(process.execPath, '--input-type=module', '-e', code)).toBe(
      'Lab 422 {"errors":["name is invalid"]}\n',
    )
  })

  test('machines fetch their script and metadata over HTTP; tokens are sent only over TLS', async () => {
    const { run, token, origin } = clientsOf(lab)
    const http = origin.replace('https:', 'http:')
    const system = { operating_system: 'custom_ipxe', userdata: '#!ipxe\nsleep 600', always_pxe: true }
    const body = { plan: 'c3.small.x86', metro: 'ny', ...system }
    const devices = `${lab.apiUrl}/projects/${lab.projectId}/devices`
    const created = await run('curl', '-sSf', '-H', token, '--json', JSON.stringify(body), devices)
    const { id } = JSON.parse(created)
    // Its simulated machine has booted over plain HTTP.
    await waitUntil(
      () => lab.devices().find((one) => one.id === id)?.state,
      (state) => state === 'active',
    )
    const { bootKey } = lab.devices().find((one) => one.id === id) ?? {}
    for (const place of [origin, http]) {
      expect(await run('curl', '-sSf', `${place}/boot/${bootKey}/auto.ipxe`)).toMatch(/^#!ipxe/)
      const metadata = JSON.parse(await run('curl', '-sSf', `${place}/boot/${bootKey}/metadata`))
      expect(metadata).toMatchObject({
        api_url: `${place}/metal/v1`,
        phone_home_url: `${place}/boot/${bootKey}/phone-home`,
      })
    }
    expect(await run('curl', '-sSf', `${origin}/boot/${bootKey}/auto.ipxe`)).toContain(`${http}/boot/`)
    for (const path of ['/metal/v1/user', '/user', '/', '/page/app.js', '/lab/faults']) {
      const refused = await run('curl', '-sS', '-w', '%{http_code}', '-H', token, `${http}${path}`)
      expect(refused, path).toBe('{"error":"This lab speaks TLS: use https://"}400')
    }
  })

  test("the page's connection is accepted over TLS, from its own origin", async () => {
    const { origin } = clientsOf(lab)
    const http = origin.replace('https:', 'http:')
    expect(await connectPage(origin.replace('https', 'wss'), origin)).toBe('open')
    expect(await connectPage(origin.replace('https', 'wss'), http)).toBe('refused')
    expect(await connectPage(origin.replace('https', 'ws'), http)).toBe('refused')
  })
})

test.each([
  ['a TLS handshake that comes byte by byte', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x00'],
  ['a header that comes byte by byte', 'GET / HTTP/1.1\r\nx: ', 'x'],
])('%s is cut off', { timeout: 60_000 }, async (_, first, more) => {
  await using lab = await start()
  const socket = connect(Number(new URL(lab.apiUrl).port), '127.0.0.1').on('error', () => {})
  socket.write(first, 'latin1')
  const timer = setInterval(() => socket.write(more, 'latin1'), 1000)
  socket.resume()
  await once(socket, 'close')
  clearInterval(timer)
})

test('a lab ends even if connected clients are silent or in the middle of a handshake', async () => {
  const lab = await start()
  const port = Number(new URL(lab.apiUrl).port)
  const sockets = ['', '\x16', '\x16\x03\x01\x02\x00\x01', 'GET /'].map((bytes) => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(bytes, 'latin1')
    return socket
  })
  await Promise.all(sockets.map((one) => new Promise((resolve) => one.once('connect', resolve))))
  await lab[Symbol.asyncDispose]()
  for (const socket of sockets) socket.destroy()
})

describe("the user's certificate", needs('openssl', 'curl'), () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'metalkit-user-certificate-'))
    for (const [name, subject] of [
      ['address', 'IP:127.0.0.1'],
      ['other', 'DNS:lab.example'],
    ] as const) {
      const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
      const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${subject}`]
      const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)]
      await promisify(execFile)('openssl', [...kind, ...names, ...files])
    }
  })
  afterAll(async () => await rm(folder, { recursive: true }))

  const certificateFor = async (name: string) => {
    const { loadTls } = await import('../../../src/serve/tls.ts')
    const path = join(folder, `${name}.pem`)
    return { ...(await loadTls(path, join(folder, `${name}.key`))), path }
  }

  test('it is used, and clients with the variables trust it', async () => {
    await using lab = await start({ tls: { env: {}, userCertificate: await certificateFor('address') } })
    const { run, token } = clientsOf(lab)
    expect(await run('curl', '-sSf', '-H', token, `${lab.apiUrl}/user`)).toContain('Lab')
    const subject = await run('sh', '-c', `openssl s_client -connect ${new URL(lab.apiUrl).host} </dev/null 2>&1`)
    expect(subject).toMatch(/CN ?= ?address/)
  })

  test('a certificate that is not valid for the address is refused', async () => {
    await expect(start({ tls: { env: {}, userCertificate: await certificateFor('other') } })).rejects.toMatchObject({
      name: 'LabError',
      message: `the certificate "${join(folder, 'other.pem')}" is not valid for "127.0.0.1"`,
      hint: 'name a host in --port that it is valid for (lab.example)',
    })
  })
})
