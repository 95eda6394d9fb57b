// The program in a real terminal, tmux.
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startFakeApi } from './helpers/api-fake.ts'
import { needs } from './helpers/needs.ts'
import { program } from './helpers/program.ts'
import type { Sshd } from './helpers/sshd.ts'
import { createKeyRing, type KeyRing, startMachine } from './console/session-bench.ts'

const run = promisify(execFile)

/** The process that runs the console. */
function findConsole(): number {
  const found = execFileSync('pgrep', ['-f', `^${process.execPath} ${program} console`], { encoding: 'utf8' })
  return Number(found.split('\n')[0])
}

/** Defects, each triggered by a signal that the program does not use. */
const defects = `
process.on('SIGUSR2', () => { throw new Error('a defect in a callback') })
process.on('SIGIO', () => process.exit(1))
process.on('SIGURG', () => Promise.reject(new Error('a defect in a promise')))
`

describe('in a terminal', needs('tmux', 'sshd', 'ssh-keygen'), () => {
  let ring: KeyRing
  let sshd: Sshd
  let api: Awaited<ReturnType<typeof startFakeApi>>
  let state: string
  let actions: string[]
  let socket: string
  let sessions = 0
  const modes = String.raw`\033[?7l\033[?25l\033[31m\033(0\033[?1003h\033[5;10r\033[?1049h`
  const loop = `while read line; do [ "$line" = modes ] && printf "${modes}"; echo "got $line"; stty size; done`
  const machine = `trap "echo interrupted" INT; echo up; stty size; ${loop}`

  beforeAll(async () => {
    ring = createKeyRing()
    sshd = await startMachine(ring, `bash -c '${machine}'`)
    api = await startFakeApi(({ method, path, body }) => {
      if (path.includes('/events')) return { status: 200, json: { events: [] } }
      if (method === 'POST') {
        actions.push(String(Object(body).type))
        if (actions.at(-1) === 'power_off') state = 'inactive'
        if (actions.at(-1) === 'power_on') state = 'active'
        return { status: 202 }
      }
      return { status: 200, json: { id: sshd.username, state } }
    })
  })
  afterAll(async () => {
    await api[Symbol.asyncDispose]()
    await sshd[Symbol.asyncDispose]()
    ring[Symbol.dispose]()
  })

  const tmux = async (...args: string[]) => (await run('tmux', ['-S', socket, '-f', '/dev/null', ...args])).stdout
  const screen = async () => await tmux('capture-pane', '-p', '-J', '-t', 'test')
  const type = async (...keys: string[]) => await tmux('send-keys', '-t', 'test', ...keys)
  const shows = async (text: string | RegExp) => {
    const matcher = typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text)
    await expect.poll(screen, { timeout: 15_000, interval: 50 }).toEqual(matcher)
  }

  beforeEach(async () => {
    state = 'active'
    actions = []
    // A server that is still shutting down would end the next session too.
    socket = join(ring.folder.path, `tmux-${++sessions}`)
    const known = ring.folder.write('known', `[${sshd.host}]:${sshd.port} ${ring.hostKey.line}\n`)
    const env = {
      METAL_API_URL: api.apiUrl,
      METAL_API_TOKEN: 'sesame',
      METAL_SOS: `${sshd.host}:${sshd.port}`,
      METAL_IDENTITY: ring.user.ed25519.file,
      METAL_KNOWN_HOSTS: known,
      PS1: 'prompt> ',
      // In CI the live display is off, because its log cannot show it; tmux can.
      CI: '',
      NODE_OPTIONS: `--require=${ring.folder.write('defects.cjs', defects)}`,
    }
    const vars = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    await tmux('new-session', '-d', '-s', 'test', '-x', '90', '-y', '30', ...vars, 'bash', '--norc', '--noprofile')
    await shows('prompt>')
    await type(`stty -g > ${ring.folder.path}/before; clear`, 'Enter')
  })
  afterEach(async () => {
    await tmux('kill-server').catch(() => {})
  })

  /** Starts the console, and waits for the machine's first output. */
  async function start(...args: string[]): Promise<void> {
    await type(`${process.execPath} ${program} console ${args.join(' ')} ${sshd.username}`, 'Enter')
    await shows(/up\s+30 90/)
  }
  /** Waits for the shell, with its terminal as before. */
  async function isRestored(): Promise<void> {
    await type('Enter', `stty -g > ${ring.folder.path}/after; echo back`, 'Enter')
    await shows(/^back$/m)
    const read = (name: string) => readFileSync(join(ring.folder.path, name), 'utf8')
    // The screen may show the typed command before the shell has run it.
    await expect.poll(() => read('after'), { timeout: 10_000 }).toBe(read('before'))
  }
  test('typing, size, Ctrl-C for the machine, help, and ~.', async () => {
    await start()
    await shows('~. on a new line to leave')
    await type('hello', 'Enter')
    await shows('got hello')
    await tmux('resize-window', '-t', 'test', '-x', '100', '-y', '35')
    await type('more', 'Enter')
    await shows(/got more\s+35 100/)
    await type('C-c')
    await shows('interrupted')
    await type('Enter', '~', '?')
    await shows('leave the console')
    await type('~', '.')
    await shows('You left the console.')
    await isRestored()
  })

  test('~R and ~P use the API, and the session survives while the machine is off', async () => {
    await start()
    await type('~', 'R')
    await expect.poll(() => actions).toEqual(['reboot'])
    await type('~', 'P')
    await expect.poll(() => actions, { timeout: 15_000 }).toEqual(['reboot', 'power_off', 'power_on'])
    await type('still', 'Enter')
    await shows('got still')
    await type('~', '.')
    await shows('You left the console.')
    await isRestored()
  })

  test("the machine's changes to the terminal are undone without clearing the screen", async () => {
    await start()
    await type('modes', 'Enter')
    const flags =
      '#{wrap_flag}#{cursor_flag}#{mouse_any_flag}#{alternate_on} #{scroll_region_upper}-#{scroll_region_lower}'
    const look = async () => (await tmux('display-message', '-p', '-t', 'test', flags)).trim()
    await expect.poll(look).toMatch(/^0011/)
    await type('~', '.')
    await shows('You left the console.')
    await isRestored()
    expect(await look()).toBe('1100 0-29')
    // The old text has only moved up.
    expect(await tmux('capture-pane', '-p', '-S', '-', '-t', 'test')).toMatch(/^up$/m)
    const line = (await tmux('capture-pane', '-p', '-e', '-t', 'test'))
      .split('\n')
      .find((one) => one.includes('left the console'))
    expect(line).toBe('You left the console.')
  })

  test('~^Z gives the terminal to the shell, and fg takes it back', async () => {
    await start()
    await type('~', 'C-z')
    await shows('Stopped')
    await isRestored()
    await type('fg', 'Enter')
    await type('again', 'Enter')
    await shows('got again')
    await type('~', '.')
    await shows('You left the console.')
    await isRestored()
  })

  test.each<[string, () => unknown, RegExp]>([
    ['the machine goes off', () => (state = 'inactive'), /is powered off/],
    ['the machine fails', () => (state = 'failed'), /failed/],
    ['SIGTERM', () => process.kill(findConsole(), 'SIGTERM'), /interrupted: by SIGTERM/],
    ['SIGHUP', () => process.kill(findConsole(), 'SIGHUP'), /interrupted: by SIGHUP/],
    ['SIGINT', () => process.kill(findConsole(), 'SIGINT'), /interrupted: by SIGINT/],
    ['SIGQUIT', () => process.kill(findConsole(), 'SIGQUIT'), /interrupted: by SIGQUIT/],
    ['an uncaught exception', () => process.kill(findConsole(), 'SIGUSR2'), /a defect in a callback/],
    ['an unhandled rejection', () => process.kill(findConsole(), 'SIGURG'), /a defect in a promise/],
    ['a silent exit', () => process.kill(findConsole(), 'SIGIO'), /\nprompt>\s*$/],
  ])('restored after: %s', async (_name, end, line) => {
    await start()
    end()
    await shows(line)
    await isRestored()
  })

  test.each([
    ['a pattern that appears', '--wait-for "^got x"', 'The console showed every pattern of --wait-for.'],
    ['a pattern of --fail-on', '--fail-on "^got x"', 'console: the console showed "got x"'],
  ])('restored after: %s', async (_name, args, line) => {
    await start(args)
    await type('x', 'Enter')
    await shows(line)
    await isRestored()
  })

  test('restored after: a server that is killed and does not come back', async () => {
    await start()
    state = 'inactive'
    sshd.drop()
    await shows(/is powered off/)
    await isRestored()
  })

  test('a dropped session is attached to again', async () => {
    await start()
    sshd.drop()
    await shows('attaching again (Ctrl-C leaves)')
    // Dim, so that it is not mistaken for the machine's output.
    expect(await tmux('capture-pane', '-p', '-e', '-t', 'test')).toContain('\u001b[2mconsole: the session ended: ')
    await shows('console: attached again')
    await type('hello', 'Enter')
    await shows('got hello')
    await type('~', '.')
    await shows('You left the console.')
    await isRestored()
  })
})

describe('a passphrase', needs('expect', 'sshd', 'ssh-keygen'), () => {
  test('is asked for without echo, asked again if wrong, and unlocks the key', async () => {
    using ring = createKeyRing()
    execFileSync('ssh-keygen', ['-q', '-p', '-f', ring.user.rsa.file, '-N', 'open sesame'])
    await using sshd = await startMachine(ring, 'echo inside; sleep 5')
    await using api = await startFakeApi(({ path }) =>
      path.includes('/events')
        ? { status: 200, json: { events: [] } }
        : { status: 200, json: { id: sshd.username, state: 'active' } },
    )
    const script = [
      'set timeout 20',
      `spawn ${process.execPath} ${program} console --wait-for inside --host-key-policy ask ${sshd.username}`,
      'expect "Passphrase of*: "; send "wrong\\r"',
      'expect "is not the passphrase"; expect "Passphrase of*: "; send "open sesame\\r"',
      'expect "is not a known host"; expect "from its operator: "; send "yes\\r"',
      'expect "inside"; expect eof',
    ]
    const known = join(ring.folder.path, 'known_hosts')
    const env = {
      PATH: process.env['PATH'],
      TERM: 'vt100',
      HOME: ring.folder.path,
      METAL_API_URL: api.apiUrl,
      METAL_API_TOKEN: 'sesame',
      METAL_SOS: `${sshd.host}:${sshd.port}`,
      METAL_IDENTITY: ring.user.rsa.file,
      METAL_KNOWN_HOSTS: known,
    }
    const child: ChildProcess = spawn('expect', ['-c', script.join('\n')], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let seen = ''
    child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()))
    await new Promise((resolve) => child.once('exit', resolve))
    expect(seen).toContain('The console showed every pattern of --wait-for.')
    expect(seen).not.toContain('sesame')
    expect(readFileSync(known, 'utf8')).toContain(ring.hostKey.line)
  })
})
