import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/clock.ts'
import { InterruptedError } from '../../src/errors.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { parseFaults } from '../../src/lab/faults/faults.ts'
import { startFakeApi } from '../helpers/api-fake.ts'
import { makeFolder } from '../helpers/folder.ts'
import { fakeArm64Image, makeImage } from '../helpers/image.ts'
import { start } from '../helpers/io.ts'
import { attendedMachines, startTestLab, type TestLab } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { nowhere } from '../helpers/nowhere.ts'

let lab: TestLab
let image: Awaited<ReturnType<typeof makeImage>>
// Under the range of ephemeral ports, and different for each process, so that two test runs do not collide.
let nextPort = 12_000 + (process.pid % 200) * 100

beforeAll(async () => {
  lab = await startTestLab({ driver: attendedMachines() })
  image = await makeImage()
})
afterAll(async () => {
  await image[Symbol.asyncDispose]()
  await lab[Symbol.asyncDispose]()
})

afterEach(async () => {
  for (const { id } of await devices()) await lab.call('DELETE', `/devices/${id}?force_delete=true`)
  await expect.poll(async () => (await devices()).length).toBe(0)
})

/** A server on a free port. */
async function listen(server: Server): Promise<AsyncDisposable & { port: number }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

/** Flags that serve the image on the test's port. */
function serving(): string[] {
  const port = nextPort++
  return ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
}

/** Starts `run equinixmetal` against the lab. */
function startRun(args: readonly string[], env: Record<string, string> = {}, name = image.prefix) {
  return start(['run', 'equinixmetal', ...args, name], { ...labEnvironment(lab), ...env })
}

async function devices(): Promise<{ id: string; state: string; tags: string[]; [field: string]: unknown }[]> {
  const { json } = await lab.call('GET', `/projects/${lab.projectId}/devices`)
  return json.devices
}

/** The machines that still cost money. */
async function ids(): Promise<string[]> {
  return (await devices()).filter(({ state }) => state !== 'deprovisioning').map(({ id }) => id)
}

/** The events of a run with --json. */
function eventsOf(stdout: string): { event: string; [field: string]: unknown }[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('a machine', () => {
  test('is rented, boots, appears on its console, and is deleted', async () => {
    const { code, texts } = startRun([...serving(), '-wait-for', 'simulated machine is up'])
    expect(await code, texts.stderr).toBe(0)
    expect(texts.stdout).toContain('[SOS Session Ready. Use ~? for help.]')
    expect(texts.stdout).toContain('Command line: ip=dhcp nomodeset ro serial')
    expect(texts.stderr).toMatch(/Booting [0-9a-f-]{36}\.\.\./)
    expect(texts.stderr).toMatch(/The machine [0-9a-f-]{36} is deleted\.\n$/)
    expect(await ids()).toEqual([])
  })

  test('ends after --ttl by the clock of the API, and the run warns that the clock of this computer differs', async () => {
    const hourMs = 3_600_000
    const clock: Clock = { ...systemClock, now: () => Date.now() - 3 * hourMs }
    const args = ['run', 'equinixmetal', ...serving(), '-ttl', '2h', '-keep', '-wait-for', 'is up', image.prefix]
    const { code, texts } = start(args, labEnvironment(lab), clock)
    expect(await code, texts.stderr).toBe(0)
    expect(texts.stderr).toMatch(
      /warning: this computer's clock is (2h59m5\ds|3h\S*) behind the API's, which --ttl uses/,
    )
    const [device] = await devices()
    const leftMs = Date.parse(String(device?.['termination_time'])) - Date.now()
    expect(leftMs).toBeGreaterThan(1.9 * hourMs)
    expect(leftMs).toBeLessThanOrEqual(2 * hourMs)
  })

  test('reports events to scripts, writes its id, and prints no messages with -q', async () => {
    const idFile = join(image.folder, 'machine.id')
    const { code, texts } = startRun([
      ...serving(),
      '-json',
      '-q',
      '-ttl',
      '2h',
      '-id-file',
      idFile,
      '-wait-for',
      'is up',
    ])
    expect(await code, texts.stderr).toBe(0)
    const events = eventsOf(texts.stdout)
    const names = events.map(({ event }) => event)
    for (const name of [
      'url-checked',
      'machine-created',
      'state',
      'served',
      'console-attached',
      'console',
      'matched',
      'machine-deleted',
    ]) {
      expect(names).toContain(name)
    }
    expect(names.at(-1)).toBe('machine-deleted')
    expect(events.every(({ version, time }) => version === 1 && typeof time === 'string')).toBe(true)
    const created = events.find(({ event }) => event === 'machine-created')
    expect(await readFile(idFile, 'utf8')).toBe(`${String(created?.['id'])}\n`)
    expect(texts.stderr).toBe('')
  })

  test('has the requested properties', async () => {
    const args = ['-machine', 'c3.small.x86', '-zone', 'ny5', '-hostname', 'box-1', '-always-pxe=false', '-ttl', '2h']
    const { code, texts, interrupt } = startRun([...serving(), ...args])
    await expect.poll(() => texts.stderr, { timeout: 10_000 }).toContain('Booting')
    const [device] = await devices()
    expect(device).toMatchObject({
      hostname: 'box-1',
      always_pxe: false,
      plan: { slug: 'c3.small.x86' },
      metro: { code: 'ny' },
    })
    expect(device).toMatchObject({ operating_system: { slug: 'custom_ipxe' }, billing_cycle: 'hourly' })
    expect(device?.tags).toEqual(['metalkit', expect.stringMatching(/^metalkit-run-[0-9a-f-]{36}$/)])
    const ends = Date.parse(String(device?.['termination_time'])) - Date.now()
    expect(ends).toBeGreaterThan(7_100_000)
    expect(ends).toBeLessThan(7_200_001)
    interrupt(new InterruptedError('SIGTERM'))
    expect(await code).toBe(143)
    expect(await ids()).toEqual([])
    // There is no terminal, and so no Ctrl-C.
    expect(texts.stderr).toContain('giving the machine back. A second signal gives up.\n')
  })

  test('ends the run when it powers off, and its events are reported to scripts', async () => {
    const { code, io, texts } = startRun([...serving(), '-json'])
    await expect.poll(() => texts.stdout, { timeout: 10_000 }).toContain('is up')
    io.stdin.push('poweroff\r')
    expect(await code, texts.stderr).toBe(0)
    const types = eventsOf(texts.stdout).flatMap(({ event, type }) => (event === 'event' ? [type] : []))
    expect(types).toEqual(expect.arrayContaining(['provisioning.101', 'provisioning.104.01', 'provisioning.110']))
    expect(texts.stderr).toContain('is powered off.')
    // A session that ends with the machine does not count as lost.
    expect(texts.stderr).not.toContain('attaching again')
    expect(await ids()).toEqual([])
  })

  test('that powers off before the pattern appears is a pattern failure', async () => {
    const { code, io, texts } = startRun([...serving(), '-wait-for', 'never shown'])
    await expect.poll(() => texts.stdout, { timeout: 10_000 }).toContain('is up')
    io.stdin.push('poweroff\r')
    expect(await code).toBe(8)
    expect(texts.stderr).toContain('console: the machine powered off before it showed /never shown/m')
    expect(await ids()).toEqual([])
  })

  test('that does not show the pattern in time is deleted too', async () => {
    const { code, texts } = startRun([...serving(), '-wait-for', 'never shown', '-timeout', '1500ms'])
    expect(await code).toBe(8)
    expect(texts.stderr).toContain('console: the console did not show /never shown/m within 1500ms')
    expect(await ids()).toEqual([])
  })

  test.each([
    ['when the time is over', ['-timeout', '1500ms'], 6, /machine: the run did not end within 1500ms; allow more/],
    [
      'with the missing pattern',
      ['-wait-for', 'is up', '-wait-for', 'never', '-timeout', '3s'],
      8,
      /did not show \/never\/m within 3s \(the machine was active/,
    ],
  ])('ends without a terminal %s', async (_name, args, expected, said) => {
    const { code, texts } = startRun([...serving(), ...args])
    expect(await code, texts.stderr).toBe(expected)
    expect(texts.stderr).toMatch(said)
    expect(texts.stderr).not.toContain('ends only when')
    expect(await ids()).toEqual([])
  })

  test('without a terminal, --wait-for and --timeout, the run warns once that it may not end', async () => {
    const { code, texts, interrupt } = startRun(serving())
    await expect.poll(() => texts.stdout, { timeout: 10_000 }).toContain('is up')
    interrupt(new InterruptedError('SIGTERM'))
    expect(await code).toBe(143)
    expect(texts.stderr.match(/ends only when the machine powers off/g)).toHaveLength(1)
  })

  test('given with --device that is still coming up is waited for', async () => {
    const body = {
      plan: 'c3.small.x86',
      metro: 'am',
      operating_system: 'custom_ipxe',
      ipxe_script_url: 'http://127.0.0.1:9/',
    }
    const { json: created } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
    const { code, texts } = startRun([...serving(), '-device', created.id, '-timeout', '1s'])
    // The URL of its script does not exist, so it stays in provisioning.
    expect(await code).toBe(6)
    expect(texts.stderr).toMatch(/The machine \S+ is (queued|provisioning); waiting until it can be rebooted/)
  })

  test('is kept with --keep, boots another script with --device, and is deleted with rm', async () => {
    const kept = startRun([...serving(), '-keep', '-wait-for', 'is up'])
    expect(await kept.code, kept.texts.stderr).toBe(0)
    const [device] = await devices()
    const id = device?.id ?? ''
    const ssh = `ssh -p ${lab.sos.port} -i ${lab.userKeyPath} -o UserKnownHostsFile=${lab.knownHostsPath} ${id}@127.0.0.1`
    expect(kept.texts.stderr).toContain(`Device ID: ${id}\nConsole:   metalkit console ${id}\n      or:  ${ssh}\n`)
    if (!needs('ssh').skip) {
      const child = spawn(`exec ${ssh}`, { shell: true, stdio: ['ignore', 'pipe', 'ignore'] })
      const [banner] = await once(child.stdout, 'data')
      child.kill()
      expect(String(banner)).toContain('[SOS Session Ready.')
    }

    await using other = await makeImage('other')
    await writeFile(`${other.prefix}-cmdline`, 'console=ttyS1 second=boot\n')
    const again = startRun(
      [...serving(), '-device', id, '-hostname', 'renamed', '-wait-for', 'is up: renamed'],
      {},
      other.prefix,
    )
    expect(await again.code, again.texts.stderr).toBe(0)
    expect(again.texts.stdout).toContain('second=boot')
    const [after] = await devices()
    expect(after).toMatchObject({ id, hostname: 'renamed', always_pxe: true, tags: device?.tags, locked: false })

    const listed = start(['ls', '--json'], labEnvironment(lab))
    expect(await listed.code, listed.texts.stderr).toBe(0)
    expect(JSON.parse(listed.texts.stdout)).toMatchObject({ id, hostname: 'renamed', plan: 't1.small.x86' })
    const refused = start(['rm', '--older-than', '0s'], labEnvironment(lab))
    expect(await refused.code).toBe(2)
    expect(refused.texts.stderr).toContain(`usage: would delete ${id} (renamed); add --yes`)
    const removed = start(['rm', id], labEnvironment(lab))
    expect(await removed.code, removed.texts.stderr).toBe(0)
    expect(await ids()).toEqual([])
  })

  test('without a console is served until Ctrl-C, and kept', async () => {
    const { code, texts, interrupt } = startRun([...serving(), '-keep', '-console=false'], {
      METAL_IDENTITY: nowhere,
    })
    await expect.poll(() => texts.stderr, { timeout: 10_000 }).toMatch(/GET \/demo-initrd.img 200 10000 bytes/)
    interrupt(new InterruptedError('SIGINT'))
    expect(await code).toBe(0)
    const [device] = await devices()
    expect(texts.stderr).toContain(`Access the console with: ssh -p ${lab.sos.port} -i ${nowhere} `)
    expect(texts.stderr).toContain(`Delete it: metalkit rm ${device?.id}\n`)
    await lab.call('DELETE', `/devices/${device?.id}`)
  })

  test('that ends with its lab is never said to cost money', async () => {
    const temporary = { METAL_LAB_TEMPORARY: lab.apiUrl }
    const kept = startRun([...serving(), '-keep', '-wait-for', 'is up'], temporary)
    expect(await kept.code).toBe(0)
    expect(kept.texts.stderr).toContain('The machine is kept, until its lab ends.')
    lab.faults.set(parseFaults('delete:503'))
    const left = startRun([...serving(), '-wait-for', 'simulated machine is up'], temporary)
    await expect.poll(() => left.texts.stderr, { timeout: 20_000 }).toContain('cannot be deleted yet')
    left.force(new InterruptedError('SIGINT'))
    expect(await left.code).toBe(9)
    lab.faults.set([])
    expect(left.texts.stderr).toMatch(/the machine \S+ runs until its lab ends: /)
    expect(kept.texts.stderr + left.texts.stderr).not.toMatch(/money/i)
  })

  test('of a lab that stays is never said to cost money', async () => {
    const kept = startRun([...serving(), '-keep', '-wait-for', 'is up'], { METAL_LAB_TEMPORARY: 'http://127.0.0.1:1' })
    expect(await kept.code).toBe(0)
    expect(kept.texts.stderr).toContain('The machine is kept, until it is deleted.')
    lab.faults.set(parseFaults('delete:503'))
    const left = startRun([...serving(), '-wait-for', 'simulated machine is up'])
    await expect.poll(() => left.texts.stderr, { timeout: 20_000 }).toContain('cannot be deleted yet')
    left.force(new InterruptedError('SIGINT'))
    expect(await left.code).toBe(9)
    lab.faults.set([])
    expect(left.texts.stderr).toMatch(/the machine \S+ (?:STILL RUNS|MAY STILL RUN): .*; delete it with: metalkit rm /)
    expect(kept.texts.stderr + left.texts.stderr).not.toMatch(/money/i)
  })

  test('without a console is shown in a table in a terminal', needs('script'), async () => {
    const words = [process.execPath, program, 'run', 'equinixmetal', ...serving(), '-keep', '-console=false']
    const child = spawn('script', ['-qec', [...words, image.prefix].join(' '), '/dev/null'], {
      env: { PATH: process.env['PATH'], ...labEnvironment(lab) },
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await expect
      .poll(() => text, { timeout: 20_000 })
      .toMatch(/machine +script +kernel +initrd\r\n\S+ +done +done +done/)
    child.stdin.write('\u0003')
    await once(child, 'close')
    expect(text).toMatch(/Delete it: metalkit rm [0-9a-f-]{36}\r\n$/)
  })
})

describe('before any API request', () => {
  test.each([
    [['--send', 'x'], '--on and --send differ in number (0 and 1)'],
    [['--on', 'a', '--on', 'b', '--send', 'x'], '--on and --send differ in number (2 and 1)'],
    [['--on', 'a'], '--on and --send differ in number (1 and 0)'],
  ])('%j is refused', async (flags, message) => {
    await using api = await startFakeApi(() => ({ status: 404 }))
    const env = { ...labEnvironment(lab), METAL_API_URL: api.apiUrl }
    for (const line of [
      ['run', 'equinixmetal', ...serving(), image.prefix],
      ['console', 'd-1'],
    ]) {
      const { code, texts } = start([...line, ...flags], env)
      expect([await code, texts.stderr]).toEqual([
        2,
        `metalkit: usage: ${message}; pass them in pairs: --on 'login:' --send 'root\\r'\n`,
      ])
    }
    expect(api.all).toEqual([])
  })
})

describe('hints explain the mistake', () => {
  test('-serve and -base-url on different ports', async () => {
    const { code, texts } = startRun([
      '-serve',
      `127.0.0.1:${nextPort}`,
      '-base-url',
      `http://127.0.0.1:${nextPort + 1}`,
    ])
    const ports = [nextPort++, nextPort++]
    expect(await code).toBe(5)
    expect(texts.stderr).toContain(
      `; -serve listens on port ${ports[0]}, but the base URL names port ${ports[1]}: use the same port for both, or forward ${ports[1]} to ${ports[0]}`,
    )
  })

  test.each([
    [['-metro', 'xx'], /; metros similar to "xx": [a-z]{2}(, [a-z]{2}){4}\n$/],
    [['-machine', 'c3.smal.x86'], /; plans similar to "c3.smal.x86": c3.small.x86, [^;]*\n$/],
    [
      ['-machine', 'c3.smal.x86', '-metro', 'xx'],
      /; plans similar to "c3.smal.x86": [^;]*; metros similar to "xx": [^;]*\n$/,
    ],
  ])('%j lists the valid values', async (flags, hint) => {
    const { code, texts } = startRun([...serving(), ...flags])
    expect(await code).toBe(4)
    expect(texts.stderr).toMatch(hint)
  })

  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['a flag', ['-api-key', 'sesame'], { METAL_API_TOKEN: 'other' }, /--api-key is/],
    ['METAL_AUTH_TOKEN', [], { METAL_AUTH_TOKEN: 'sesame' }, /METAL_AUTH_TOKEN is/],
    ['METAL_API_TOKEN', [], { METAL_API_TOKEN: 'sesame', METAL_AUTH_TOKEN: 'x' }, /METAL_API_TOKEN is/],
    ['metal.yaml', [], {}, /token in .*metal\.yaml is/],
  ])('an expired token of %s', async (_, flags, env, hint) => {
    const METAL_CONFIG = join(image.folder, 'metal.yaml')
    await writeFile(METAL_CONFIG, 'token: sesame\n')
    const { METAL_API_TOKEN: _token, ...lines } = labEnvironment(lab)
    const { code, texts } = start(['ls', ...flags], { ...lines, METAL_CONFIG, ...env })
    expect(await code).toBe(3)
    expect(texts.stderr).toMatch(hint)
    expect(texts.stderr).toMatch(/ wrong or has expired; replace it; for a lab, run again: eval/)
    expect(texts.stderr).not.toContain('sesame')
  })

  test.each<[string, (url: string) => string, RegExp]>([
    [
      'with another path of the API',
      (url) => `${url}/wrong`,
      /check the API URL "(http:.*\/wrong)" \(from METAL_API_URL\), which/,
    ],
    [
      'with only the server',
      (url) => new URL(url).origin,
      /check the API URL "(http:.*:\d+)" \(from METAL_API_URL\), which/,
    ],
    [
      'with another project',
      (url) => url,
      /check --project-id and that .*, and the API URL "(http:.*\/metal\/v1)" \(from METAL_API_URL\)\n/,
    ],
  ])('a 404 of a URL %s', async (_, change, hint) => {
    const env = { ...labEnvironment(lab), METAL_PROJECT_ID: '11111111-1111-4111-8111-111111111111' }
    const url = change(lab.apiUrl)
    const { code, texts } = start(['ls'], { ...env, METAL_API_URL: url })
    expect(await code).toBe(4)
    expect(hint.exec(texts.stderr)?.[1], texts.stderr).toBe(url)
  })

  test('a 404 from a server that is not an API', async () => {
    await using api = await startFakeApi(() => ({
      status: 404,
      text: '<html>',
      headers: { 'content-type': 'text/html' },
    }))
    const url = api.apiUrl.replace('://', '://me:sesame@')
    for (const line of [['ls'], ['console', 'd-1'], ['doctor']]) {
      const { code, texts } = start([...line, '-api-url', url], labEnvironment(lab))
      expect(await code).toBe(4)
      const shown = api.apiUrl.replace('://', '://me:***@')
      expect(texts.stderr + texts.stdout).toContain(
        `check the API URL "${shown}" (from --api-url): the answer is not from a Metal API`,
      )
      expect(texts.stderr + texts.stdout).not.toContain('sesame')
    }
  })
})

describe('nothing is created if', () => {
  const missing = join(nowhere, 'image')
  const one: [string, string[], Record<string, string>, number, RegExp, string?][] = [
    [
      'the token is missing',
      serving(),
      { METAL_API_TOKEN: '' },
      2,
      /^metalkit: usage: no api-key is given; .*metalkit lab.*; otherwise set --api-key or METAL_API_TOKEN/,
    ],
    [
      'the token is wrong',
      ['-device', 'd-1', ...serving()],
      { METAL_API_TOKEN: 'wrong' },
      3,
      /^metalkit: metal: .*401 "Invalid authentication token".*; METAL_API_TOKEN is wrong or has expired/,
    ],
    ['the project is missing', serving(), { METAL_PROJECT_ID: '' }, 2, /^metalkit: usage: no project-id is given/],
    [
      'the base URL is missing',
      [],
      {},
      2,
      /^metalkit: usage: no base-url is given; .* or serve it from here with --serve$/m,
    ],
    [
      'the base URL is missing for -serve',
      ['-serve', ':8085'],
      {},
      2,
      /^metalkit: usage: no base-url is given; .* such as http:\/\/ADDRESS:8085, or use --tunnel$/m,
    ],
    [
      'the host name has an underscore',
      ['-hostname', 'a_b', ...serving()],
      {},
      2,
      /^metalkit: usage: --hostname "a_b" is not a host name; .*underscores\n$/,
    ],
    [
      'the facility is unknown',
      ['-zone', 'xx1', ...serving()],
      {},
      2,
      /^metalkit: usage: unknown facility "xx1"; use --metro, or one of dc13/,
    ],
    [
      'the facility is in another metro',
      ['-zone', 'ny5', '-metro', 'am', ...serving()],
      {},
      2,
      /^metalkit: usage: the facility "ny5" is in metro ny, not in "am"/,
    ],
    [
      'the id file cannot be written',
      ['-id-file', `${nowhere}/id`, ...serving()],
      {},
      2,
      new RegExp(`^metalkit: usage: the id file "${nowhere}/id" cannot be written: no such file or directory`),
    ],
    [
      'the id file is a device',
      ['-id-file', '/dev/full', ...serving()],
      {},
      2,
      /^metalkit: usage: the id file "\/dev\/full" cannot be written: it is a device; /,
    ],
    [
      'the id file is a folder',
      ['-id-file', '/tmp', ...serving()],
      {},
      2,
      /^metalkit: usage: the id file "\/tmp" cannot be written: it is a folder; /,
    ],
    [
      'the image is missing',
      serving(),
      {},
      5,
      new RegExp(`^metalkit: image: kernel "${nowhere}/image-kernel" does not exist; `),
      missing,
    ],
    [
      'the image is for another machine',
      ['-machine', 'c3.large.arm64', ...serving()],
      {},
      5,
      /^metalkit: image: ".*demo-kernel" is an x86_64 kernel, but the plan c3.large.arm64 boots aarch64; .* \(such as c3\.small\.x86\) or --arch$/m,
    ],
    [
      'the serving address is taken',
      ['-base-url', 'http://127.0.0.1:1'],
      { METAL_SERVE: 'API' },
      5,
      /^metalkit: serve: cannot listen on "127.0.0.1:\d+": port \d+ is taken by another program; /,
    ],
    [
      'the base URL does not answer',
      ['-base-url', 'http://127.0.0.1:1'],
      {},
      5,
      /^metalkit: serve: "http:\/\/127.0.0.1:1\/demo-equinixmetal.ipxe" /,
    ],
    ['the SOS host is unknown', serving(), { METAL_KNOWN_HOSTS: nowhere }, 7, /^metalkit: console: .*SHA256:/m],
    [
      'the key is missing',
      serving(),
      { METAL_IDENTITY: nowhere },
      7,
      new RegExp(`^metalkit: console: .*"${nowhere}"`, 'm'),
    ],
    [
      'SOS does not answer',
      serving(),
      { METAL_SOS: '127.0.0.1:1' },
      7,
      /^metalkit: console: "127.0.0.1:1" refuses connections/m,
    ],
    [
      'the plan is unknown',
      ['-machine', 'c3.smal.x86', ...serving()],
      {},
      4,
      /^metalkit: metal: .*422 "c3.smal.x86 is not a valid plan".*; plans similar to "c3.smal.x86": c3.small.x86, /m,
    ],
    [
      'the metro is unknown',
      ['-metro', 'ams', ...serving()],
      {},
      4,
      /^metalkit: metal: .*422 ".*".*; metros similar to "ams": am, /m,
    ],
    [
      'the device is unknown',
      ['-device', 'd-1', ...serving()],
      {},
      4,
      /^metalkit: metal: looking up the machine "d-1": the API answered 404 "Not found".*; the project has no machines that metalkit created/,
    ],
  ]

  test.each(one)('%s', async (_, args, env, expected, line, name) => {
    const port = new URL(lab.apiUrl).port
    const { code, texts } = startRun(
      args,
      env['METAL_SERVE'] === 'API' ? { METAL_SERVE: `127.0.0.1:${port}` } : env,
      name,
    )
    expect(await code, texts.stderr).toBe(expected)
    expect(texts.stderr).toMatch(line)
    expect(texts.stdout).toBe('')
    expect(await ids()).toEqual([])
    expect(texts.stderr.match(/^metalkit: /gm)).toHaveLength(1)
    expect(texts.stderr).not.toContain('    at ')
  })

  test('the log of an earlier run stays if the console cannot be reached', async () => {
    using folder = makeFolder()
    const log = join(folder.path, 'console.log')
    await writeFile(log, 'an earlier run')
    const { code } = startRun(['-log', log, ...serving()], { METAL_SOS: '127.0.0.1:1' })
    expect(await code).toBe(7)
    expect(await readFile(log, 'utf8')).toBe('an earlier run')
  })

  test('a compressed kernel is for arm64', async () => {
    const { gzipSync } = await import('node:zlib')
    await using arm = await makeImage('arm', gzipSync(fakeArm64Image()))
    const { code, texts } = startRun(['-machine', 'c3.large.arm64', ...serving()], {}, arm.prefix)
    expect(await code).toBe(5)
    expect(texts.stderr).toMatch(
      /^metalkit: image: ".*arm-kernel" is compressed, .*; decompress it with metalkit push -decompress/,
    )
  })

  test.each([
    ['not custom_ipxe', { operating_system: 'ubuntu_22_04' }, /has the operating system "ubuntu_22_04"/],
    ['locked', { locked: true }, /is locked; unlock it/],
  ])('the device is %s', async (_, more, line) => {
    const input = {
      plan: 'c3.small.x86',
      metro: 'am',
      operating_system: 'custom_ipxe',
      ipxe_script_url: 'http://127.0.0.1:1/x',
      ...more,
    }
    if (input.operating_system !== 'custom_ipxe') Reflect.deleteProperty(input, 'ipxe_script_url')
    const { json, status } = await lab.call('POST', `/projects/${lab.projectId}/devices`, input)
    expect(status).toBe(201)
    const { code, texts } = startRun(['-device', json.id, ...serving()])
    expect(await code).toBe(6)
    expect(texts.stderr).toMatch(line)
    await lab.call('PUT', `/devices/${json.id}`, { locked: false })
    await expect.poll(async () => (await lab.call('DELETE', `/devices/${json.id}`)).status, { timeout: 5000 }).toBe(204)
    await expect.poll(ids, { timeout: 5000 }).toEqual([])
  })
})

describe('the console is checked beside the URLs', () => {
  test('and the error of the URLs comes first', async () => {
    // A console that ends every connection, and an image that is missing, as its server says once the console has been tried.
    let seeTry: (() => void) | undefined
    const tried = new Promise<void>((resolve) => {
      seeTry = resolve
    })
    await using consoleHost = await listen(
      createServer((socket) => {
        seeTry?.()
        socket.on('error', () => {}).destroy()
      }),
    )
    await using images = await listen(
      createHttpServer((_, response) => void tried.then(() => response.writeHead(404).end())),
    )
    const sos = ['-sos', `127.0.0.1:${consoleHost.port}`]
    const { code, texts } = startRun([...sos, '-base-url', `http://127.0.0.1:${images.port}`])
    expect(await code, texts.stderr).toBe(5)
    expect(texts.stderr).toContain('the server answered 404')
    expect(texts.stderr).not.toContain(String(consoleHost.port))
  })

  test('and a new host key is stored only after them', async () => {
    const knownHosts = join(image.folder, 'known_hosts_of_run')
    const trusting = ['-known-hosts', knownHosts, '-host-key-policy', 'accept-new']
    await using images = await listen(
      createHttpServer((_, response) => setTimeout(() => response.writeHead(404).end(), 300)),
    )
    const wrong = startRun([...trusting, '-base-url', `http://127.0.0.1:${images.port}`])
    expect(await wrong.code, wrong.texts.stderr).toBe(5)
    expect(existsSync(knownHosts)).toBe(false)

    const right = startRun([...trusting, ...serving(), '-wait-for', 'is up'])
    expect(await right.code, right.texts.stderr).toBe(0)
    expect(await readFile(knownHosts, 'utf8')).toContain('ssh-')
  })
})

test('a base URL that machines may fail to fetch causes a warning', async () => {
  const cloud = startRun(['-base-url', 'https://10.1.2.3', '-api-url', 'https://api.example.invalid/metal/v1'])
  await expect
    .poll(() => cloud.texts.stderr)
    .toContain('warning: no machine in a cloud can reach "10.1.2.3", which is a private address')
  cloud.interrupt(new InterruptedError('SIGINT'))
  expect(await cloud.code).not.toBe(0)

  const local = startRun(['-base-url', 'https://127.0.0.1:1'])
  expect(await local.code).toBe(5)
  expect(local.texts.stderr).toMatch(/^warning: machines often fail to fetch from https URLs/)
  expect(local.texts.stderr).not.toContain('private address')
})
