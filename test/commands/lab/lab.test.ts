import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { needs } from '../../helpers/needs.ts'
import { close, listen } from '../../helpers/port.ts'
import { program } from '../../helpers/program.ts'
import { nameProcess } from '../../../src/lab/storage/process-name.ts'
import { nowhere } from '../../helpers/nowhere.ts'

const state = mkdtempSync(join(tmpdir(), 'metalkit-lab-command-'))
const running = join(state, 'metalkit/lab/running')
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(state, { recursive: true, force: true }))

const env = { ...process.env, XDG_STATE_HOME: state, METAL_LAB_MACHINES: 'simulated' }

/** The built program. */
function metalkit(args: readonly string[], more: Record<string, string> = {}) {
  const child = spawn(process.execPath, [program, ...args], { env: { ...env, ...more } })
  return watch(child)
}

function watch(child: ReturnType<typeof spawn>) {
  children.push(child)
  const seen = { out: '', err: '' }
  child.stdout?.on('data', (bytes: Buffer) => (seen.out += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (seen.err += bytes.toString()))
  return {
    child,
    seen,
    shows: (text: string) => expect.poll(() => seen.out + seen.err).toContain(text),
    code: once(child, 'close').then(([code]) => Number(code)),
  }
}

/** A command that prints each signal it receives, and exits with 7 a while after the first. */
const listener = [
  'sh',
  '-c',
  // It polls instead of waiting once: a signal could come just before the wait.
  'for s in INT TERM HUP; do trap "echo got $s; got=1" $s; done; echo ready $$; while [ -z "$got" ]; do sleep 0.1; done; sleep 0.5; exit 7',
]

describe('lab -- COMMAND', () => {
  test.each([
    ['its exit code', ['sh', '-c', 'exit 3'], 3],
    ['128 and the signal that ended it', ['sh', '-c', 'kill -KILL $$'], 137],
    ['127 if the command does not exist', ['no-such-command'], 127],
    ['127 if the file does not exist', ['./no-such-file'], 127],
    ['126 if it is a folder', ['/'], 126],
    ['126 if it cannot be executed', [join(import.meta.dirname, 'lab.test.ts')], 126],
    ['success', ['true'], 0],
  ])('ends with %s', async (_what, command, code) => {
    const lab = metalkit(['lab', '--', ...command])
    expect(await lab.code).toBe(code)
    expect(lab.seen.err.split('\n')).toHaveLength(code === 126 || code === 127 ? 2 : 1)
  })

  test('names a command that it cannot find', async () => {
    const lab = metalkit(['lab', '--', 'no-such-command', '--flag'])
    await lab.code
    expect(lab.seen.err).toBe('metalkit: lab: "no-such-command" is not a command on this computer\n')
  })

  test("passes the command its exact arguments, stdin and the lab's variables", async () => {
    const script =
      'cat; printf "<%s>" "$@"; curl -sf -H "X-Auth-Token: $METAL_API_TOKEN" $METAL_API_URL/projects/$METAL_PROJECT_ID'
    const lab = metalkit(['lab', '--', 'sh', '-c', script, 'sh', '--', '-v', 'a b', '$HOME', ''])
    lab.child.stdin?.end('typed\n')
    expect(await lab.code).toBe(0)
    expect(lab.seen.out).toMatch(/^typed\n<--><-v><a b><\$HOME><>\{.*"id"/s)
  })

  test('runs the program env for "env" after --, not its own subcommand', async () => {
    const lab = metalkit(['lab', '--', 'env'])
    expect(await lab.code).toBe(0)
    const names = lab.seen.out.split('\n').flatMap((line) => /^METAL_(?!LAB)\w+/.exec(line)?.[0] ?? [])
    expect(names.toSorted()).toEqual([
      'METAL_API_TOKEN',
      'METAL_API_URL',
      'METAL_IDENTITY',
      'METAL_KNOWN_HOSTS',
      'METAL_PROJECT_ID',
      'METAL_SOS',
    ])
    expect(lab.seen.out).not.toContain('export')
  })

  test('two labs at once do not conflict', async () => {
    const labs = [1, 2].map(() => metalkit(['lab', '--', 'sh', '-c', 'echo $METAL_API_URL $METAL_SOS; sleep 0.5']))
    expect(await Promise.all(labs.map(({ code }) => code))).toEqual([0, 0])
    expect(new Set(labs.flatMap(({ seen }) => seen.out.trim().split(' '))).size).toBe(4)
  })

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    'passes %s on once, and waits for the command',
    async (signal) => {
      const lab = metalkit(['lab', '--', ...listener])
      await lab.shows('ready')
      lab.child.kill(signal)
      expect(await lab.code).toBe(7)
      expect(lab.seen.out.match(/got \w+/g)).toEqual([`got ${signal.slice(3)}`])
    },
  )

  test('a command in a terminal receives Ctrl-C once', needs('script'), async () => {
    const words = [process.execPath, program, 'lab', '--', ...listener].map((word) => `'${word}'`)
    const lab = watch(
      spawn('script', ['-qec', `exec ${words.join(' ')}`, '/dev/null'], { env: { ...env, SHELL: '/bin/sh' } }),
    )
    await lab.shows('ready')
    lab.child.stdin?.write('\u0003')
    expect(await lab.code).toBe(7)
    expect(lab.seen.out.match(/got \w+/g)).toEqual(['got INT'])
  })

  test('a second signal ends a command that ignores the first', async () => {
    const lab = metalkit(['lab', '--', 'sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'])
    await lab.shows('ready')
    lab.child.kill('SIGTERM')
    // Within a second of the first, as a busy lab receives it, the second signal would count as the same one.
    const again = setInterval(() => lab.child.kill('SIGTERM'), 1200)
    expect(await lab.code).toBe(137)
    clearInterval(again)
  })

  test('a defect that ends the lab is shown, although the command ends by a signal', async () => {
    const preload = join(state, 'defect.cjs')
    writeFileSync(
      preload,
      "if (process.argv[2] === 'lab') setTimeout(() => void Promise.reject(new Error('a defect')), 1500)",
    )
    const lab = metalkit(['lab', '--', ...listener], { NODE_OPTIONS: `--require ${preload}` })
    expect(await lab.code).toBe(1)
    expect(lab.seen.out).toContain('got TERM')
    expect(lab.seen.err).toContain('metalkit: internal error: a defect\n')
  })

  test('the command does not outlive a killed lab', needs('setpriv'), async () => {
    const lab = metalkit(['lab', '--', ...listener])
    await lab.shows('ready')
    lab.child.kill('SIGKILL')
    await lab.shows('got TERM')
  })

  test('a setpriv that cannot do it is not used; one that can is tried once, until it has changed', async () => {
    const home = mkdtempSync(join(state, 'setpriv-'))
    const tries = join(home, 'tries')
    const setpriv = (body: string) => {
      // Renamed into its place, as an update does.
      writeFileSync(join(home, 'new'), `#!/bin/sh\necho "$*" >>'${tries}'\n${body}\n`, { mode: 0o755 })
      renameSync(join(home, 'new'), join(home, 'setpriv'))
    }
    const start = async () => {
      const more = { XDG_STATE_HOME: home, PATH: `${home}:${process.env['PATH'] ?? ''}` }
      const lab = metalkit(['lab', '--', 'echo', 'started'], more)
      expect([await lab.code, lab.seen]).toEqual([0, { out: 'started\n', err: '' }])
      return readFileSync(tries, 'utf8').trimEnd().split('\n')
    }
    const trial = '--pdeathsig KILL -- true'
    const use = '--pdeathsig TERM -- echo started'
    setpriv('exit 1')
    expect(await start()).toEqual([trial])
    setpriv('shift 3; exec "$@"')
    expect(await start()).toEqual([trial, trial, use])
    expect(await start()).toEqual([trial, trial, use, use])
    setpriv('exit 1')
    expect(await start()).toEqual([trial, trial, use, use, trial])
  })
})

test('with --tls, metalkit trusts the lab: in its command, and in shells without its variables', async () => {
  const script = '"$0" "$1" ls && "$0" "$1" lab page'
  const inside = metalkit(['lab', '--tls', '--', 'sh', '-c', script, process.execPath, program])
  expect([await inside.code, inside.seen.err]).toEqual([0, expect.stringContaining('No machines')])
  expect(inside.seen.out).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/#token=/)

  const start = metalkit(['lab', '-d', '--tls', '--name', 'secure'])
  expect([await start.code, start.seen.err]).toEqual([
    0,
    expect.stringMatching(/TLS {7}clients trust it with SSL_CERT_FILE=.*bundle\.pem\n/),
  ])
  const variables = metalkit(['lab', 'env', '--name', 'secure'])
  await variables.code
  for (const name of ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS']) {
    expect(variables.seen.out).toContain(`export ${name}=`)
  }
  expect(variables.seen.out).toContain("export METAL_API_URL='https://127.0.0.1:")
  const status = metalkit(['lab', 'status', '--name', 'secure'])
  await status.code
  expect(status.seen.out).toMatch(/^secure +\d+ +\d+s +https:\S+ +0$/m)
  const stop = metalkit(['lab', 'stop', '--name', 'secure'])
  expect(await stop.code).toBe(0)
})

test('a certificate that cannot be read is an error of the lab', async () => {
  const lab = metalkit(['lab', '--tls-cert', 'x.pem', '--tls-key', 'x.key', '--', 'echo', 'started'])
  expect([await lab.code, lab.seen]).toEqual([
    10,
    {
      out: '',
      err: 'metalkit: lab: the certificate "x.pem" cannot be read: no such file or directory; name a PEM file\n',
    },
  ])
})

test('a lab that cannot start does not start its command', async () => {
  const server = createServer()
  const port = await listen(server)
  const lab = metalkit(['lab', '--sos-port', String(port), '--', 'echo', 'started'])
  expect(await lab.code).not.toBe(0)
  expect(lab.seen.out).toBe('')
  expect(lab.seen.err).toContain(`port ${port} is taken`)
  await close(server)
})

test('nor does one whose state folder takes no byte', async () => {
  const words = ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, program, 'lab', '--', 'echo', 'started']
  const lab = watch(spawn('sh', words, { env: { ...env, XDG_STATE_HOME: mkdtempSync(join(state, 'full-')) } }))
  expect(await lab.code).toBe(10)
  expect(lab.seen.out).toBe('')
  expect(lab.seen.err).toMatch(/^metalkit: lab: cannot use ".*disks" as state folder: .*; set XDG_STATE_HOME/)
})

test('nor does one that cannot be recorded', async () => {
  const home = mkdtempSync(join(state, 'unrecorded-'))
  mkdirSync(join(home, 'metalkit/lab'), { recursive: true, mode: 0o700 })
  writeFileSync(join(home, 'metalkit/lab/running'), '')
  const lab = metalkit(['lab', '--', 'echo', 'started'], { XDG_STATE_HOME: home })
  expect(await lab.code).toBe(10)
  expect(lab.seen.out).toBe('')
  expect(lab.seen.err).toContain('cannot record this process in')
})

describe('lab', () => {
  test('runs until a signal; meanwhile lab env lets a shell use it', async () => {
    const lab = metalkit(['lab', '--port', '0', '--sos-port', '0'])
    await lab.shows('to end the lab: Ctrl-C here')
    expect(lab.seen.out).toBe('')
    expect(lab.seen.err).toMatch(/^API {7}http:\/\/127\.0\.0\.1:\d+\/metal\/v1\nSOS {7}.*\nmachines {2}simulated\n/)
    for (const name of readdirSync(running)) expect(statSync(join(running, name)).mode & 0o777).toBe(0o600)
    expect(statSync(running).mode & 0o777).toBe(0o700)
    const script = `eval "$('${process.execPath}' '${program}' lab env)" && curl -sf -H "X-Auth-Token: $METAL_API_TOKEN" $METAL_API_URL/projects`
    expect(execFileSync('sh', ['-c', script], { env, encoding: 'utf8' })).toContain('"projects"')
    lab.child.kill('SIGINT')
    expect(await lab.code).toBe(0)
    expect(readdirSync(running)).toEqual([])
  })

  test('env ignores the record of a killed lab', async () => {
    const records = () => (existsSync(running) ? readdirSync(running).filter((file) => file.endsWith('.json')) : [])
    const before = records().length
    const lab = metalkit(['lab', '--port', '0', '--sos-port', '0'])
    await lab.shows('to end the lab: Ctrl-C here')
    lab.child.kill('SIGKILL')
    await lab.code
    expect(records()).toHaveLength(before + 1)
    const none = metalkit(['lab', 'env'])
    expect(await none.code).toBe(10)
    expect(none.seen).toEqual({ out: '', err: 'metalkit: lab: no lab is running; start one with metalkit lab\n' })
    expect(readdirSync(running)).toEqual([])
  })

  test('status removes what a lab left that was killed as it started, not what one that starts has', async () => {
    const dead = ['1073741824-1.json.lock', '.1073741824-1.json.0123456789ab']
    const alive = `${(await nameProcess(process.pid)).replace(' ', '-')}.json.lock`
    for (const name of [...dead, alive]) writeFileSync(join(running, name), '')
    const status = metalkit(['lab', 'status'])
    expect(await status.code).toBe(0)
    expect(readdirSync(running)).toEqual([alive])
    rmSync(join(running, alive))
  })

  test('runs in the background with -d; status and logs show it, stop ends it', { timeout: 240_000 }, async () => {
    const start = metalkit(['lab', '-d', '--name', 'back', '--port', '0', '--sos-port', '0'])
    expect(await start.code).toBe(0)
    expect(start.seen.err).toMatch(
      /^API {7}http:\/\/127\.0\.0\.1:\d+\/metal\/v1\n(.*\n)+.*metalkit lab stop --name back ends it\n$/,
    )
    const log = join(state, 'metalkit/lab/logs/back.log')
    expect(statSync(log).mode & 0o777).toBe(0o600)
    const again = metalkit(['lab', '-d', '--name', 'back'])
    expect(await again.code).toBe(10)
    expect(again.seen.err).toMatch(/a lab named "back" is already running, as process \d+/)
    const status = metalkit(['lab', 'status'])
    expect(await status.code).toBe(0)
    expect(status.seen.out).toMatch(/^NAME +PROCESS +AGE +API +MACHINES\nback +\d+ +\d+s +http:\S+ +0\n$/)
    const forward = metalkit(['lab', 'forward', '--name', 'back', 'nobody', '22'])
    expect(await forward.code).toBe(10)
    expect(forward.seen.err).toBe('metalkit: lab: there is no machine "nobody"; metalkit ls lists the machines\n')
    // Without a name, a command means the unnamed lab, or if it is not running, the lab that was started last.
    const other = metalkit(['lab', '--port', '0', '--sos-port', '0'])
    await other.shows('to end the lab: Ctrl-C here')
    const links: string[] = []
    for (const name of [[], ['--name', 'default'], ['--name', 'back']]) {
      const page = metalkit(['lab', 'page', ...name])
      expect(await page.code).toBe(0)
      links.push(page.seen.out)
    }
    expect(links[0]).toBe(links[1])
    expect(links[0]).not.toBe(links[2])
    other.child.kill('SIGINT')
    expect(await other.code).toBe(0)
    const logs = metalkit(['lab', 'logs'])
    expect(await logs.code).toBe(0)
    expect(logs.seen.out).toContain('machines  simulated\n')
    const stop = metalkit(['lab', 'stop', '--name', 'back'])
    expect(await stop.code).toBe(0)
    expect(stop.seen.err).toBe('The lab "back" has ended.\n')
    const none = metalkit(['lab', 'status'])
    expect([await none.code, none.seen.out, none.seen.err]).toEqual([0, '', 'No labs.\n'])
    const unknown = metalkit(['lab', 'status', '--name', 'back'])
    expect(await unknown.code).toBe(10)
    expect(readdirSync(running)).toEqual([])
  })

  test('in the background, a lab that cannot start says why', async () => {
    const lab = metalkit(['lab', '-d', '--name', 'back', '--port', '203.0.113.1:1', '--sos-port', '0'])
    expect(await lab.code).toBe(10)
    expect(lab.seen.err).toMatch(/^metalkit: lab: cannot listen on "203\.0\.113\.1:1"/)
    const logs = metalkit(['lab', 'logs', '--name', 'never'])
    expect(await logs.code).toBe(10)
  })

  test.each(['--port', '--sos-port'])('a taken %s is an error that names it', async (flag) => {
    const server = createServer()
    const address = `127.0.0.1:${await listen(server)}`
    const lab = metalkit(['lab', flag, address, '--', 'true'])
    expect(await lab.code).toBe(10)
    server.close()
    expect(lab.seen.err).toContain(`"${address}"`)
  })

  test('warns if other computers can reach it', async () => {
    const lab = metalkit(['lab', '--port', '0.0.0.0:0', '--', 'true'])
    expect(await lab.code).toBe(0)
    expect(lab.seen.err).toMatch(/^warning: the API listens on 0\.0\.0\.0: [^\n]+\n$/)
  })

  test('works without QEMU if it can, and says so', async () => {
    const without = { PATH: nowhere, METAL_LAB_MACHINES: 'auto' }
    const lab = metalkit(['lab', '--', '/bin/true'], without)
    expect(await lab.code).toBe(0)
    expect(lab.seen.err).toMatch(/^warning: machines are simulated, because QEMU is not available: .*apt-get install/)
    const insisting = metalkit(['lab', '--machines', 'qemu', '--', '/bin/true'], without)
    expect(await insisting.code).toBe(10)
    expect(insisting.seen.err).toMatch(/^metalkit: lab: "qemu-system-x86_64" is not installed/)
  })

  test.each([
    [
      ['lab', 'foo'],
      'lab does not know "foo"; see metalkit lab --help; words after -- are a command to run: metalkit lab -- foo',
    ],
    [['lab', 'env', '--', 'true'], 'lab env takes no arguments'],
    [
      ['lab', 'env', 'more'],
      'lab env takes no arguments; if "more" is the lab\'s name, write metalkit lab env --name more',
    ],
    [
      ['lab', 'stop', 'back'],
      'lab stop takes no arguments; if "back" is the lab\'s name, write metalkit lab stop --name back',
    ],
    [['lab', 'forward', 'x'], 'missing required argument "port"; see metalkit lab forward --help'],
    [['lab', 'forward', 'x', '22', '0'], '"0" is not a port'],
    [['lab', '-d', '--', 'true'], 'a lab that runs a COMMAND ends with it'],
    [['lab', '--tls-key', 'x.key', '--', 'true'], '--tls-key is given without --tls-cert'],
  ])('%j is a mistake', async (args, message) => {
    const lab = metalkit(args)
    expect(await lab.code).toBe(2)
    expect(lab.seen.err).toContain(message)
  })
})
