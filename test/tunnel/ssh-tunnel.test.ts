import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect as connectSocket, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { SshConnection } from '../../src/ssh/connection.ts'
import { openSshTunnel, type SshTunnelOptions } from '../../src/tunnel/ssh-tunnel.ts'
import { runToEnd } from '../helpers/io.ts'
import { makeImage } from '../helpers/image.ts'
import { needs } from '../helpers/needs.ts'
import { findFreePort, listen } from '../helpers/port.ts'
import { startSshHome } from '../publish/ssh-home.ts'

const body = randomBytes(3_000_000)
const open = ['GatewayPorts clientspecified']

/** Makes a server listen until the end of the test. @returns its port */
async function serve(server: Server): Promise<number> {
  onTestFinished(() => void server.close())
  return await listen(server)
}

/** An sshd, a web server as the target, and a function that opens a tunnel between them. */
async function makeWorld(config: readonly string[]) {
  const { sshd, folder } = await startSshHome(config)
  const privateKey = readFileSync(join(folder.path, '.ssh/id_ed25519'))
  const port = await serve(createHttpServer((_, response) => response.end(body)))
  const said: string[] = []
  const say = (line: string) => void said.push(line)
  const connect = async (signal: AbortSignal): Promise<SshConnection> => {
    const client = new ssh2.Client()
    let failure: Error | undefined
    client.on('error', (error) => (failure ??= error))
    client.on('close', () => (failure ??= new Error('closed')))
    client.connect({ host: sshd.host, port: sshd.port, username: sshd.username, privateKey })
    await once(client, 'ready', { signal })
    return {
      client,
      banner: '',
      failure: () => failure,
      async [Symbol.asyncDispose]() {
        if (failure !== undefined) return
        client.end()
        await once(client, 'close')
      },
    }
  }
  const tunnel = async (options: Partial<SshTunnelOptions> = {}) => {
    const opened = await openSshTunnel({
      host: sshd.host,
      bind: { host: '127.0.0.2', port: 0 },
      local: { host: '127.0.0.1', port },
      connect,
      report: { info: say, warn: say, detail: say },
      signal: new AbortController().signal,
      retryMs: [10],
      ...options,
    })
    onTestFinished(() => opened[Symbol.asyncDispose]())
    return opened
  }
  return { sshd, tunnel, connect, said, port }
}

const fetchBody = async (url: string) => Buffer.from(await (await fetch(url)).arrayBuffer())
const refused = (url: string) => {
  const { hostname, port } = new URL(url)
  const socket = connectSocket({ host: hostname, port: Number(port) })
  return once(socket, 'connect').then(
    () => false,
    () => true,
  )
}

describe('a tunnel through sshd', needs('sshd', 'ssh-keygen'), () => {
  test('carries many connections from outside at once, until it is closed', async () => {
    const { tunnel } = await makeWorld(open)
    const opened = await tunnel()
    expect(opened.url).toMatch(/^http:\/\/127\.0\.0\.2:\d+$/)
    const bodies = await Promise.all(Array.from({ length: 8 }, () => fetchBody(opened.url)))
    expect(bodies.every((one) => one.equals(body))).toBe(true)
    await opened[Symbol.asyncDispose]()
    await vi.waitFor(async () => expect(await refused(opened.url)).toBe(true))
  })

  test("has the server's name if it listens on all interfaces", async () => {
    const { tunnel, sshd } = await makeWorld(open)
    const { url } = await tunnel({ bind: { host: '', port: 0 } })
    expect(new URL(url).hostname).toBe(sshd.host)
    expect((await fetchBody(url)).equals(body)).toBe(true)
  })

  test.each<[string, string[], Partial<SshTunnelOptions>, RegExp]>([
    ['GatewayPorts no', ['GatewayPorts no'], {}, /^"127\.0\.0\.2:\d+" does not lead here \(connection refused\)$/],
    [
      'AllowTcpForwarding no',
      [...open, 'AllowTcpForwarding no'],
      {},
      /^"127\.0\.0\.1" does not allow listening on its ports$/,
    ],
    [
      'AllowTcpForwarding no, a port',
      [...open, 'AllowTcpForwarding no'],
      { bind: { host: '', port: 2 } },
      /does not allow/,
    ],
  ])('names the setting of sshd_config that prevents it: %s', async (_, config, options, message) => {
    const { tunnel } = await makeWorld(config)
    await expect(tunnel(options)).rejects.toMatchObject({
      name: 'TunnelError',
      message: expect.stringMatching(message),
    })
  })

  test('says that a port is taken', async () => {
    const { tunnel, port } = await makeWorld(open)
    await expect(tunnel({ bind: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      name: 'TunnelError',
      message: `"127.0.0.1" cannot listen on port ${port}: it is taken there`,
    })
  })

  test('notices that something else answers', async () => {
    const { tunnel } = await makeWorld(open)
    const other = createServer((socket) => socket.end('hello'))
    const port = await serve(other)
    // On the port of the wildcard address, a more specific listener gets the connections.
    await expect(tunnel({ bind: { host: '0.0.0.0', port } })).rejects.toMatchObject({
      message: expect.stringMatching(/does not lead here \(something else answers there\)|is taken there/),
    })
  })

  test('comes back on the same port when the connection breaks', async () => {
    const { tunnel, sshd, said } = await makeWorld(open)
    const { url } = await tunnel()
    for (const round of [1, 2]) {
      sshd.drop()
      await vi.waitFor(() => expect(said.filter((line) => line.endsWith('is back'))).toHaveLength(round), {
        timeout: 10_000,
      })
      expect((await fetchBody(url)).equals(body)).toBe(true)
    }
    expect(said[0]).toMatch(/^the tunnel through "127\.0\.0\.1" broke: .*; connecting again$/)
  })

  test('can be closed while it is disconnected', async () => {
    const { tunnel, sshd, said } = await makeWorld(open)
    const opened = await tunnel({ retryMs: [60_000] })
    sshd.drop()
    await vi.waitFor(() => expect(said).toHaveLength(1))
    await opened[Symbol.asyncDispose]()
    expect(said).toHaveLength(1)
  })

  test('survives a server that is temporarily gone', async () => {
    const { tunnel, port } = await makeWorld(open)
    const local = { host: '127.0.0.1', port: 1 }
    const { url } = await tunnel({ local })
    await expect(fetchBody(url)).rejects.toThrow('fetch failed')
    local.port = port
    expect((await fetchBody(url)).equals(body)).toBe(true)
  })

  test('is not opened for an interrupted run', async () => {
    const { tunnel, connect } = await makeWorld(open)
    const stop = new AbortController()
    const reason = new Error('stop')
    const connections: SshConnection[] = []
    // Logged in, and then interrupted: open connections are closed.
    const interrupted = async (signal: AbortSignal) => {
      connections.push(await connect(signal))
      stop.abort(reason)
      return connections[0] ?? (await connect(signal))
    }
    await expect(tunnel({ signal: stop.signal, connect: interrupted })).rejects.toBe(reason)
    expect(connections.map((connection) => connection.failure()?.message)).toEqual(['closed'])
  })
})

describe('run --tunnel', needs('sshd', 'ssh-keygen'), () => {
  test('serves at a URL of its own, checks it, and closes it', async () => {
    const { sshd, env, folder } = await startSshHome(open)
    folder.write('.ssh/config', `Host boot\n  HostName ${sshd.host}\n  Port ${sshd.port}\n`)
    await using image = await makeImage()
    const api = await serve(
      createHttpServer((_, response) => response.writeHead(401, { 'content-type': 'application/json' }).end('{}')),
    )
    const port = await findFreePort()
    const flags = [
      '-serve',
      `127.0.0.1:${port}`,
      '-tunnel',
      'ssh://boot',
      '-api-url',
      `http://127.0.0.1:${api}`,
      '-api-key',
      'x',
    ]
    const { code, stderr } = await runToEnd(
      ['run', 'equinixmetal', ...flags, '-project-id', 'p', '-keep', '-console=false', '-v', image.prefix],
      env,
    )
    const url = /Machines reach this computer at (http:\/\/127\.0\.0\.1:\d+)\n/.exec(stderr)?.[1] ?? ''
    expect(stderr).toMatch(new RegExp(`"${url}/demo-kernel" is available, 4096 bytes`))
    expect(code).toBe(3)
    await vi.waitFor(async () => expect(await refused(url)).toBe(true))
  })

  test.each([
    [['-tunnel', 'ngrok'], /^metalkit: usage: --tunnel needs the port of --serve; /],
    [['-tunnel', 'ngrok', '-serve', ':0'], /^metalkit: usage: --tunnel needs the port of --serve; /],
    [['-tunnel', 'x', '-serve', ':1'], /^metalkit: usage: --tunnel "x" is an unknown kind of tunnel; /],
    [['-serve', ':1'], /^metalkit: usage: no base-url is given; /],
  ])('refuses %j', async (flags, expected) => {
    const { code, stderr } = await runToEnd([
      'run',
      'equinixmetal',
      '-api-key',
      'x',
      '-project-id',
      'p',
      ...flags,
      'demo',
    ])
    expect(code).toBe(2)
    expect(stderr).toMatch(expected)
  })
})
