// Consoles behind TCP: ser2net over a pair of ptys, and hostile peers.
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { serialBufferBytes } from '../../../src/lab/machines/serial-line.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { findProgram, needs, needsAddress } from '../../helpers/needs.ts'
import { close, findFreePort, listen } from '../../helpers/port.ts'
import { awaitLine, endProgram, makePtyPair, openFarEnd, openFor, type PtyPair } from './open.ts'

const keysOf = (port: number) => ({ console: { tcp: `127.0.0.1:${port}` } })

// ser2net asks for the addresses of configured families only.
const skip = { skip: needs('ser2net', 'socat').skip || needsAddress().skip }

describe('behind ser2net', skip, () => {
  let folder: TestFolder
  let pair: PtyPair
  let ser2net: ChildProcess | undefined

  beforeEach(async () => {
    folder = makeFolder()
    pair = await makePtyPair(folder.path)
  })
  afterEach(async () => {
    if (ser2net !== undefined) await endProgram(ser2net)
    await pair.kill()
    folder[Symbol.dispose]()
  })

  /** Starts it, and waits for nothing: the console tries again. */
  function start(port: number, accepter: string): void {
    const lines = ['connection: &r1', `  accepter: ${accepter}tcp,127.0.0.1,${port}`]
    const connector = `  connector: serialdev,${pair.near},115200n81,local`
    const file = folder.write(
      'ser2net.yaml',
      [...lines, connector, '  options:', '    kickolduser: true', ''].join('\n'),
    )
    ser2net = spawn(findProgram('ser2net') ?? 'ser2net', ['-n', '-c', file], { stdio: 'ignore' })
  }

  test.each([
    ['raw', '', false],
    ['telnet', 'telnet,', true],
    ['RFC 2217', 'telnet(rfc2217=true),', true],
  ])('%s: every byte passes in both directions', { timeout: 30_000 }, async (_name, accepter, canBreak) => {
    const port = await findFreePort()
    start(port, accepter)
    await using r1 = await openFor(keysOf(port))
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1')
    machine.print(`<${all}\r\n>`)
    r1.type(`<${all}\r~.>`)
    await expect.poll(() => r1.output()).toContain(`<${all}\r\n>`)
    await expect.poll(() => machine.heard()).toContain(`<${all}\r~.>`)
    r1.console.sendBreak()
    expect(r1.lines.includes('the console of "r1" cannot send a break now')).toBe(!canBreak)
  })

  test('ser2net that is killed and started again has the console back', { timeout: 30_000 }, async () => {
    const port = await findFreePort()
    await using r1 = await openFor(keysOf(port))
    expect(r1.lines[0]).toMatch(
      /cannot be opened: "127.0.0.1:\d+" cannot be reached: connection refused; it is tried again/,
    )
    start(port, 'telnet,')
    await expect.poll(() => r1.lines.at(-1), { timeout: 15_000 }).toBe('the console of "r1" is open again')
    if (ser2net !== undefined) await endProgram(ser2net)
    await expect.poll(() => r1.lines.at(-1)).toMatch(/is lost: /)
    start(port, 'telnet,')
    await expect.poll(() => r1.lines.at(-1), { timeout: 15_000 }).toBe('the console of "r1" is open again')
    using machine = openFarEnd(pair)
    await awaitLine(r1, machine)
  })
})

describe('a hostile peer', () => {
  let server: Server
  const sockets = new Set<Socket>()

  async function startPeer(onConnection: (socket: Socket) => void): Promise<number> {
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      onConnection(socket)
    })
    return await listen(server)
  }
  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await close(server)
  })

  test('that never ends its output takes no more memory than the line has', async () => {
    const flood = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    const port = await startPeer((socket) => {
      const pour = (): void => {
        while (!socket.destroyed && socket.write(flood)) sent += flood.length
      }
      socket.on('drain', pour)
      pour()
    })
    await using r1 = await openFor(keysOf(port))
    r1.console.line.removeAllListeners('data').pause()
    await expect.poll(() => sent, { timeout: 15_000 }).toBeGreaterThan(50_000_000)
    expect(r1.console.line.readableLength).toBeLessThan(serialBufferBytes + flood.length + 1)
  })

  test('that reads nothing takes no more than a megabyte of input', async () => {
    const port = await startPeer((socket) => void socket.pause())
    await using r1 = await openFor(keysOf(port))
    const before = process.memoryUsage().arrayBuffers
    for (let count = 0; count < 200; count++) r1.console.line.write(Buffer.alloc(1_000_000, 'x'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000)
  })

  test('that says nothing is no loss, and disposing ends it', async () => {
    const port = await startPeer((socket) => void socket.resume())
    const r1 = await openFor(keysOf(port))
    r1.type('hello')
    expect(r1.lines).toEqual([])
    await r1[Symbol.asyncDispose]()
    await expect.poll(() => [...sockets].every((socket) => socket.destroyed || socket.readableEnded)).toBe(true)
  })

  test('that repeats its telnet options is not answered for ever', async () => {
    let answers = 0
    const port = await startPeer((socket) => {
      socket.write(Buffer.from([255, 251, 0]))
      socket.on('data', (chunk) => {
        answers += chunk.length / 3
        // It agrees to nothing that was answered.
        socket.write(Buffer.from([255, 252, 0, 255, 251, 0]))
      })
    })
    await using r1 = await openFor(keysOf(port))
    await expect.poll(() => answers, { timeout: 10_000 }).toBe(100)
    for (const socket of sockets) socket.write('login: ')
    await expect.poll(() => r1.output()).toContain('login: ')
  })

  test('that sends half of a telnet command and waits loses nothing', async () => {
    const port = await startPeer((socket) => void socket.write(Buffer.from([255])))
    await using r1 = await openFor(keysOf(port))
    await expect.poll(() => r1.output(), { timeout: 5000 }).toBe('\u00ff')
  })

  test('a name that does not exist is one line', async () => {
    await startPeer(() => {})
    await using r1 = await openFor({ console: { tcp: 'no-such-host.invalid:3001' } })
    expect(r1.lines).toHaveLength(1)
    expect(r1.lines[0]).toMatch(
      /^the console of "r1" cannot be opened: "no-such-host.invalid:3001" cannot be reached: /,
    )
  })
})
