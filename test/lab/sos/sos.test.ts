import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createReporter } from '../../../src/io.ts'
import { SerialPort } from '../../../src/lab/cloud/serial-port.ts'
import { type Sos, startSos } from '../../../src/lab/sos/sos.ts'
import { type LabKeys, loadLabKeys } from '../../../src/lab/sos/ssh-keys.ts'
import { needs } from '../../helpers/needs.ts'

const report = createReporter({ stderr: process.stderr, verbosity: -1 })
const id = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'
const banner =
  '[SOS Session Ready. Use ~? for help.]\r\n[Note: You may need to press RETURN or Ctrl+L to get a prompt.]\r\n'

/** A machine's serial line; `push` prints on it. */
class Line extends Duplex {
  typed = ''
  override _read(): void {}
  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.typed += bytes.toString()
    done()
  }
}

let folder: string
let keys: LabKeys
let port: SerialPort
let line: Line
let sos: Sos
let readOnly: boolean
/** How often input arrived, and the SOS checked whether the port is read-only. */
let asked: number
function isReadOnly(): boolean {
  asked++
  return readOnly
}
let breaks: number
/** The keys that open the console. */
let opening: string[]
const children: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'metalkit-sos-'))
  keys = await loadLabKeys(folder, [])
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(async () => {
  readOnly = false
  asked = 0
  port = new SerialPort()
  line = new Line()
  breaks = 0
  opening = ['not a key', keys.userPublicKey]
  port.connect(line, () => breaks++)
  sos = await startSos({
    listen: { host: '127.0.0.1', port: 0 },
    hostKey: keys.hostKey,
    findPort: (device) => (device === id ? { port, keys: opening, isReadOnly } : undefined),
    report,
  })
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await sos[Symbol.asyncDispose]()
})

/** OpenSSH as a client; `shows` waits for what it prints. */
function ssh(args: readonly string[] = [], user = id, identity = keys.userKeyPath, command: readonly string[] = []) {
  const fixed = [
    '-F',
    'none',
    '-p',
    String(sos.address.port),
    '-i',
    identity,
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
  ]
  const trust = ['-o', `UserKnownHostsFile=${keys.knownHostsPath}`, '-o', 'StrictHostKeyChecking=yes']
  const child = spawn('ssh', [...fixed, ...trust, ...args, `${user}@127.0.0.1`, ...command])
  children.push(child)
  const seen = { out: '', err: '' }
  child.stdout.on('data', (bytes: Buffer) => (seen.out += bytes.toString('latin1')))
  child.stderr.on('data', (bytes: Buffer) => (seen.err += bytes.toString('latin1')))
  child.stdin.on('error', () => {})
  return {
    child,
    seen,
    shows: (text: string) => expect.poll(() => seen.out).toContain(text),
    ended: once(child, 'close').then(([code]) => Number(code)),
  }
}

describe('OpenSSH on the SOS', needs('ssh'), () => {
  test('sees the banner and the output of the machine, types into it, and leaves with ~.', async () => {
    const session = ssh(['-tt'])
    await session.shows(banner)
    line.push('login: ')
    await session.shows('login: ')
    session.child.stdin.write('root\r')
    await expect.poll(() => line.typed).toBe('root\r')
    session.child.stdin.write('~.')
    await session.ended
    line.push('nobody hears this')
    const next = ssh()
    await next.shows(banner)
    expect(next.seen.out).toBe(banner)
  })

  test('only reads while the device is provisioned', async () => {
    readOnly = true
    const session = ssh()
    await session.shows(banner)
    session.child.stdin.write('too early\r')
    line.push('booting')
    await session.shows('booting')
    await expect.poll(() => asked).toBeGreaterThan(0)
    readOnly = false
    session.child.stdin.write('now\r')
    await expect.poll(() => line.typed).toBe('now\r')
  })

  test('sends a break with ~B, and continues to type', async () => {
    const session = ssh(['-tt'])
    await session.shows(banner)
    session.child.stdin.write('\r~B')
    await expect.poll(() => breaks, { timeout: 5000 }).toBe(1)
    session.child.stdin.write('h')
    await expect.poll(() => line.typed, { timeout: 5000 }).toBe('\rh')
  })

  test('keeps its session when its input ends', async () => {
    const session = ssh()
    session.child.stdin.end('halt\n')
    await expect.poll(() => line.typed).toBe('halt\n')
    line.push('still here')
    await session.shows('still here')
  })

  test('a second client is told in one line that the machine already has a session', async () => {
    const first = ssh()
    await first.shows(banner)
    const second = ssh()
    expect(await second.ended).toBe(75)
    expect(second.seen.out + second.seen.err).toMatch(/\[SOS session refused: another session is [^\r\n]+\]\r\n$/)
    line.push('only the first')
    await first.shows('only the first')
  })

  test('is disconnected cleanly when the device is deleted', async () => {
    const session = ssh()
    await session.shows(banner)
    line.push('last words')
    await expect.poll(() => session.seen.out).toContain('last words')
    port.hangUp()
    expect(await session.ended).toBe(0)
  })

  test('receives binary output completely', async () => {
    const session = ssh()
    await session.shows(banner)
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7) % 256))
    line.push(bytes)
    await expect.poll(() => session.seen.out.length).toBe(banner.length + bytes.length)
    expect(Buffer.from(session.seen.out.slice(banner.length), 'latin1').equals(bytes)).toBe(true)
  })

  test('that does not read neither delays the machine nor fills memory', async () => {
    const session = ssh()
    await session.shows(banner)
    session.child.stdout.pause()
    session.child.kill('SIGSTOP')
    const before = process.memoryUsage().rss
    for (let i = 0; i < 200; i++) {
      // A new buffer each time: the same buffer kept many times would take no memory.
      line.push(Buffer.alloc(1 << 20, 'x'))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => line.readableLength).toBe(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20)
    session.child.kill('SIGCONT')
    session.child.stdout.resume()
    await expect.poll(() => session.seen.out.length).toBeGreaterThan(1 << 20)
    line.push('and on')
    await expect.poll(() => session.seen.out.endsWith('and on')).toBe(true)
  })

  test.each([
    ['another key', id, 'other', /Permission denied \(publickey\)/],
    ['an unknown device', '00000000-0000-4000-8000-000000000000', 'user_ed25519', /Permission denied \(publickey\)/],
    ['an empty device', 'root', 'user_ed25519', /Permission denied \(publickey\)/],
  ])('is refused with %s', async (_what, user, key, message) => {
    const other = join(folder, 'ssh', 'other')
    if (key === 'other') execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
    const session = ssh([], user, join(folder, 'ssh', key))
    expect(await session.ended).toBe(255)
    expect(session.seen.err).toMatch(message)
  })

  test.each([
    ['commands', ['-T'], 'uname'],
    ['subsystems', ['-s'], 'sftp'],
  ])('%s are refused', async (_what, flags, word) => {
    const session = ssh(flags, id, keys.userKeyPath, [word])
    expect(await session.ended).not.toBe(0)
    expect(line.typed).toBe('')
  })

  test('proves an RSA key with SHA-2, not with SHA-1', async () => {
    const rsa = join(folder, 'rsa')
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', rsa])
    opening.push(readFileSync(`${rsa}.pub`, 'utf8').trim())
    const log = (algorithm: string) => ssh(['-o', `PubkeyAcceptedAlgorithms=${algorithm}`], id, rsa)
    await log('rsa-sha2-256').shows(banner)
    const old = log('ssh-rsa')
    expect(await old.ended).toBe(255)
    expect(old.seen.err).toMatch(/Permission denied \(publickey\)/)
  })

  test('obsolete algorithms are refused', async () => {
    const session = ssh(['-o', 'KexAlgorithms=diffie-hellman-group14-sha1'])
    expect(await session.ended).toBe(255)
    expect(session.seen.err).toMatch(/no matching key exchange method/)
  })

  test('and is disconnected when the SOS closes', async () => {
    const session = ssh()
    await session.shows(banner)
    await sos[Symbol.asyncDispose]()
    expect(await session.ended).toBe(255)
  })
})

test('a silent client does not keep the SOS from closing', async () => {
  const socket = connect(sos.address.port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  await once(socket, 'connect')
  await sos[Symbol.asyncDispose]()
  if (!socket.closed) await once(socket, 'close')
})

test.each([
  ['sends nothing', ''],
  ['sends half of its version', 'SSH-2.0-'],
  ['sends only its version', 'SSH-2.0-quiet\r\n'],
])('a client that %s is disconnected, a client with a console is not', async (_what, greeting) => {
  const patient = { listen: { host: '127.0.0.1', port: 0 }, hostKey: keys.hostKey, report, patienceMs: 500 }
  await using own = await startSos({
    ...patient,
    findPort: (device) => (device === id ? { port, keys: opening, isReadOnly } : undefined),
  })
  const client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({
    host: '127.0.0.1',
    port: own.address.port,
    username: id,
    privateKey: readFileSync(keys.userKeyPath),
  })
  await once(client, 'ready')
  client.shell((_error, channel) => channel.resume())
  const left = once(client, 'close').then(() => 'left')
  const socket = connect(own.address.port, '127.0.0.1')
  socket.on('error', () => {}).resume()
  socket.write(greeting)
  await once(socket, 'close')
  const stays = new Promise((resolve) => setTimeout(resolve, 700, 'stays'))
  expect(await Promise.race([left, stays])).toBe('stays')
  client.end()
})

test('a taken port is an error that names it', async () => {
  const again = startSos({ listen: sos.address, hostKey: keys.hostKey, findPort: () => undefined, report })
  await expect(again).rejects.toMatchObject({
    name: 'LabError',
    message: `cannot listen on "127.0.0.1:${sos.address.port}": port ${sos.address.port} is taken by another program`,
    hint: expect.stringMatching(/^choose another with --sos-port, such as 127\.0\.0\.1:\d+, or stop that program/),
  })
})
