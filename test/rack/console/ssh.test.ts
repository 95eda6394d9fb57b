// Consoles over SSH: OpenSSH's sshd as the BMC, with the console itself or a shell around it, and a server that wants passwords.
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fingerprintOf } from '../../../src/ssh/host-key.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'
import { makeKey, startSshd, type Sshd, type SshdOptions, type TestKey } from '../../helpers/sshd.ts'
import { startSosFake } from '../../helpers/sos-fake.ts'
import { serialBufferBytes } from '../../../src/lab/machines/serial-line.ts'
import { openFor } from './open.ts'

/** A console: each line that is typed comes back in brackets. */
const echo = `while IFS= read -r line; do printf '<%s>\\r\\n' "$line"; done`

/** The shell of a BMC with one command, which ends when the machine says so. */
const shell = `
stty -echo 2>/dev/null
printf 'Welcome to the BMC\\r\\n/admin1-> '
while IFS= read -r line; do
  printf '%s\\r\\n' "$line"
  case $line in
    'console com2') printf 'Connected. Press ^\\\\ to leave.\\r\\n'
      while IFS= read -r typed; do
        [ "$typed" = leave ] && break
        printf '<%s>\\r\\n' "$typed"
      done;;
    *) echo "$line" >>"$1";;
  esac
  printf '/admin1-> '
done`

describe('a BMC with OpenSSH', needs('sshd', 'ssh-keygen'), () => {
  let folder: TestFolder
  let hostKey: TestKey
  let key: TestKey
  let sshd: Sshd | undefined

  beforeEach(() => {
    folder = makeFolder()
    hostKey = makeKey(folder.path, 'host', 'ed25519')
    key = makeKey(folder.path, 'key', 'ed25519')
  })
  afterEach(async () => {
    await sshd?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function start(script: string, options: Partial<SshdOptions> = {}): Promise<Sshd> {
    const program = folder.write('bmc.sh', script)
    chmodSync(program, 0o755)
    const command = `sh ${program} ${join(folder.path, 'shell.log')}`
    sshd = await startSshd(folder, { hostKeys: [hostKey], authorized: [key], command, ...options })
    return sshd
  }
  const keysOf = ({ username, port }: Sshd, more: Record<string, unknown> = {}) => ({
    console: { ssh: `${username}@127.0.0.1:${port}`, identity: 'key', hostKey: fingerprintOf(hostKey.blob), ...more },
  })
  const hooks = () => ({ folder: folder.path, env: { ...process.env, HOME: folder.path, SSH_AUTH_SOCK: '' } })

  test('a server that is the console itself', { timeout: 30_000 }, async () => {
    await using r1 = await openFor(keysOf(await start(echo)), hooks())
    expect(r1.lines.filter((line) => line.includes('console'))).toEqual([])
    r1.type('hello\r')
    await expect.poll(() => r1.output()).toContain('<hello>')
    sshd?.drop()
    await expect.poll(() => r1.lines.at(-1), { timeout: 15_000 }).toBe('the console of "r1" is open again')
    expect(r1.lines.filter((line) => line.includes('is lost'))).toHaveLength(1)
    r1.type('again\r')
    await expect.poll(() => r1.output()).toContain('<again>')
  })

  test('the shell of a BMC: the entry is typed at its prompt', { timeout: 30_000 }, async () => {
    await using r1 = await openFor(keysOf(await start(shell), { entry: 'console com2' }), hooks())
    r1.type('hello\r')
    await expect.poll(() => r1.output()).toContain('<hello>')
    expect(r1.output()).not.toContain('Welcome')
    r1.type('\u001cx\u001b(y\r')
    await expect.poll(() => r1.output()).toContain('<x\u001by>')
  })

  test(
    'a console that falls back to the shell is opened again, and nothing is typed there',
    { timeout: 30_000 },
    async () => {
      await using r1 = await openFor(keysOf(await start(shell), { entry: 'console com2' }), hooks())
      r1.type('leave\r')
      await expect.poll(() => r1.lines.some((line) => line.includes('shows its prompt again'))).toBe(true)
      r1.type('racadm config\r')
      await expect.poll(() => r1.lines.at(-1), { timeout: 15_000 }).toBe('the console of "r1" is open again')
      r1.type('hello\r')
      await expect.poll(() => r1.output()).toContain('<hello>')
      // Where the shell notes what it was told.
      expect(existsSync(join(folder.path, 'shell.log'))).toBe(false)
    },
  )

  test('another host key is refused before a login, and said once', { timeout: 30_000 }, async () => {
    const other = fingerprintOf(key.blob)
    await using r1 = await openFor(keysOf(await start(echo), { hostKey: other }), hooks())
    const lines = r1.lines.filter((line) => line.includes('the console of'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`${fingerprintOf(hostKey.blob)}, not ${other}`)
    expect(lines[0]).toContain('write it as hostKey into the rack file')
    expect(lines[0]).not.toContain('--host-key')
  })

  test('without a pin, known_hosts decides', { timeout: 30_000 }, async () => {
    const server = await start(echo)
    const { hostKey: _pin, ...rest } = keysOf(server).console
    {
      await using unknown = await openFor({ console: rest }, hooks())
      expect(unknown.lines.join('\n')).toContain('is not a known host')
    }
    mkdirSync(join(folder.path, '.ssh'))
    folder.write('.ssh/known_hosts', `[127.0.0.1]:${server.port} ${hostKey.line}\n`)
    await using r1 = await openFor({ console: rest }, hooks())
    r1.type('hello\r')
    await expect.poll(() => r1.output()).toContain('<hello>')
  })

  test('a key that the BMC does not have, and a missing file, are one line each', { timeout: 30_000 }, async () => {
    const server = await start(echo, { authorized: [] })
    await using refused = await openFor(keysOf(server), hooks())
    const line = refused.lines.find((one) => one.includes('the console of')) ?? ''
    expect(line).toMatch(/accepts none of the keys offered.*key \(/)
    expect(line).toContain('check the user, password and identity of its console in the rack file')
    await using missing = await openFor(keysOf(server, { identity: 'nothing' }), hooks())
    expect(missing.lines.find((one) => one.includes('the console of'))).toContain('nothing" does not exist')
  })
})

function findPort(server: ssh2.Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/** A server that lets in whoever has the password, and echoes. */
async function startPasswordServer(hostKey: TestKey, method: 'password' | 'keyboard-interactive', password: string) {
  const attempts: string[] = []
  const clients = new Set<ssh2.Connection>()
  const server = new ssh2.Server({ hostKeys: [readFileSync(hostKey.file)] }, (client) => {
    clients.add(client)
    client.on('error', () => {})
    client.on('authentication', (context) => {
      attempts.push(context.method)
      const judge = (answer: string | undefined) => (answer === password ? context.accept() : context.reject([method]))
      if (context.method === 'password' && method === 'password') return judge(context.password)
      if (context.method !== 'keyboard-interactive') return context.reject([method])
      return context.prompt([{ prompt: 'Password: ', echo: false }], (answers) => judge(answers[0]))
    })
    client.on('ready', () => {
      client.on('session', (accept) => {
        const session = accept()
        session.on('pty', (acceptPty) => acceptPty())
        session.on('shell', (acceptShell) => {
          const channel = acceptShell()
          channel.pipe(channel)
        })
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    attempts,
    port: findPort(server),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a BMC that wants a password', needs('ssh-keygen'), () => {
  const secret = 'Hush-Hush-4711'
  let folder: TestFolder
  let hostKey: TestKey
  beforeEach(() => {
    folder = makeFolder()
    hostKey = makeKey(folder.path, 'host', 'ed25519')
  })
  afterEach(() => folder[Symbol.dispose]())

  const open = (port: number, password: string) => {
    const console = {
      ssh: `admin@127.0.0.1:${port}`,
      password: { file: 'secret' },
      hostKey: fingerprintOf(hostKey.blob),
    }
    folder.write('secret', `${password}\n`)
    return openFor({ console }, { folder: folder.path, env: { ...process.env, HOME: folder.path } })
  }

  test.each(['password', 'keyboard-interactive'] as const)('by %s', { timeout: 30_000 }, async (method) => {
    await using server = await startPasswordServer(hostKey, method, secret)
    await using r1 = await open(server.port, secret)
    r1.type('hello')
    await expect.poll(() => r1.output()).toBe('hello')
    expect(server.attempts).toEqual(['none', method])
  })

  test.each(['password', 'keyboard-interactive'] as const)(
    'a wrong one is tried once by %s, and appears nowhere',
    { timeout: 30_000 },
    async (method) => {
      await using server = await startPasswordServer(hostKey, method, 'another')
      await using r1 = await open(server.port, secret)
      expect(r1.lines).toEqual([
        `the console of "r1" cannot be opened: "127.0.0.1:${server.port}" accepts none of the logins offered: the password (check the user, password and identity of its console in the rack file); it is tried again until it opens`,
      ])
      expect(server.attempts).toEqual(['none', method])
    },
  )
})

describe('a hostile server', needs('ssh-keygen'), () => {
  let folder: TestFolder
  beforeEach(() => {
    folder = makeFolder()
  })
  afterEach(() => folder[Symbol.dispose]())

  test.each([
    ['drop', 'closed the connection'],
    ['not-ssh', 'closed the connection'],
    ['refuse-shell', 'refuses a shell'],
    ['close-session', 'is lost'],
  ] as const)(
    'that does "%s" is one line, however often it is tried',
    { timeout: 30_000 },
    async (behaviour, words) => {
      const hostKey = makeKey(folder.path, 'host', 'ed25519')
      makeKey(folder.path, 'key', 'ed25519')
      await using server = await startSosFake(hostKey, behaviour)
      const console = { ssh: `me@127.0.0.1:${server.port}`, identity: 'key', hostKey: fingerprintOf(hostKey.blob) }
      await using r1 = await openFor({ console }, { folder: folder.path, env: { ...process.env, HOME: folder.path } })
      await expect.poll(() => server.connections(), { timeout: 15_000 }).toBeGreaterThan(3)
      const said = r1.lines.filter((line) => line.includes('it is tried again'))
      expect(said).toHaveLength(1)
      expect(said[0]).toContain(words)
      expect(said[0]).not.toMatch(/--sos|--host-key|--identity/)
    },
  )

  test('that prints without end costs no more memory than the line has', { timeout: 30_000 }, async () => {
    const hostKey = makeKey(folder.path, 'host', 'ed25519')
    let sent = 0
    const server = new ssh2.Server({ hostKeys: [readFileSync(hostKey.file)] }, (client) => {
      client.on('error', () => {}).on('authentication', (context) => context.accept())
      client.on('session', (accept) => {
        const session = accept()
        session.on('pty', (acceptPty) => acceptPty())
        session.on('shell', (acceptShell) => {
          const channel = acceptShell()
          const flood = Buffer.alloc(32 * 1024, 'x')
          const pour = (): void => {
            while (channel.write(flood)) sent += flood.length
          }
          channel.on('drain', pour).on('error', () => {})
          pour()
        })
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const console = {
      ssh: `me@127.0.0.1:${findPort(server)}`,
      password: { env: 'PASSWORD' },
      entry: 'vsp',
      hostKey: fingerprintOf(hostKey.blob),
    }
    {
      await using r1 = await openFor(
        { console },
        { folder: folder.path, env: { PATH: process.env['PATH'], HOME: folder.path, PASSWORD: 'x' } },
      )
      r1.console.line.removeAllListeners('data').pause()
      const before = sent
      await expect.poll(() => sent - before, { timeout: 15_000 }).toBeGreaterThan(10_000_000)
      expect(r1.console.line.readableLength).toBeLessThan(2 * serialBufferBytes)
    }
    server.close()
  })
})
