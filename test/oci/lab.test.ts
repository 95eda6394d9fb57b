// The commands of metalkit against the stand-in of the lab, which verifies signatures and has Oracle's two hops to its consoles.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { InterruptedError } from '../../src/errors.ts'
import { parseFaults } from '../../src/lab/faults/faults.ts'
import { ociFaults } from '../../src/lab/oci/faults.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { makeImage } from '../helpers/image.ts'
import { start } from '../helpers/io.ts'
import { findFreePort } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { makeKey } from '../helpers/sshd.ts'
import { type OciLab, startOciLab } from '../lab/oci/oci-lab.ts'

let lab: OciLab
let image: Awaited<ReturnType<typeof makeImage>>
/** Everything that commands have printed. */
let said = ''

beforeAll(async () => {
  lab = await startOciLab()
  image = await makeImage()
})
afterAll(async () => {
  await image[Symbol.asyncDispose]()
  await lab[Symbol.asyncDispose]()
})

interface Listed {
  id: string
  lifecycleState: string
}

async function machines(): Promise<Listed[]> {
  const { json } = await lab.oci('GET', `/instances?compartmentId=${lab.compartmentId}`)
  return json.filter(({ lifecycleState }: Listed) => lifecycleState !== 'TERMINATED')
}

async function states(): Promise<string[]> {
  return (await machines()).map(({ lifecycleState }) => lifecycleState)
}

async function connections(): Promise<Listed[]> {
  const { json } = await lab.oci('GET', `/instanceConsoleConnections?compartmentId=${lab.compartmentId}`)
  return json.filter(({ lifecycleState }: Listed) => !lifecycleState.startsWith('DELET'))
}

/** Nothing of a test is left: no machine, no console connection. */
async function expectNothing() {
  expect(await machines()).toEqual([])
  expect(await connections()).toEqual([])
}

afterEach(async () => {
  for (const { id } of await machines()) await lab.oci('DELETE', `/instances/${id}`)
  await expect.poll(machines, { timeout: 20_000 }).toEqual([])
})

function begin(args: readonly string[], env: Record<string, string> = {}) {
  return start(args, { ...lab.environment, ...env })
}

async function command(args: readonly string[], env?: Record<string, string>) {
  const { texts, code } = begin(args, env)
  const result = { code: await code, ...texts }
  said += result.stdout + result.stderr
  return result
}

/** The words of a run that serves the image; all of a test's runs serve it at one URL. */
async function serving(): Promise<string[]> {
  const port = await findFreePort()
  return ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`, '-machine', 'BM.Standard.E4.128']
}

const up = 'simulated machine is up'

test('run: waits for a pattern, and leaves nothing', { timeout: 60_000 }, async () => {
  const args = ['run', 'oci', ...(await serving()), '-vv', '-wait-for', up, '-timeout', '50s', image.prefix]
  const { code, stdout, stderr } = await command(args)
  expect(stderr).not.toContain('internal error')
  expect([code, stdout.includes(up)], stderr).toEqual([0, true])
  expect(stderr).toMatch(/The machine ocid1\.instance\.\S+ is deleted\./)
  await expectNothing()
})

test('run --json: events, and a key that is made for the run if there is no RSA key', { timeout: 60_000 }, async () => {
  const key = makeKey(makeTestFolder(), 'id_ed25519', 'ed25519')
  const args = ['run', 'oci', ...(await serving()), '--json', '-wait-for', up, '-timeout', '50s', image.prefix]
  const { code, stdout, stderr } = await command(args, { METAL_IDENTITY: key.file })
  expect(code, stderr).toBe(0)
  const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['machine-created', 'console-attached', 'console', 'matched', 'machine-deleted']),
  )
  await expectNothing()
})

test('keep, ls, console, --device, doctor, rm --older-than', { timeout: 120_000 }, async () => {
  const served = await serving()
  const idFile = join(makeTestFolder(), 'id')
  const kept = await command([
    'run',
    'oci',
    ...served,
    '-keep',
    '-id-file',
    idFile,
    '-wait-for',
    up,
    '-timeout',
    '50s',
    image.prefix,
  ])
  expect(kept.code, kept.stderr).toBe(0)
  const id = readFileSync(idFile, 'utf8').trim()
  expect(kept.stderr).toContain(`Delete it: metalkit rm ${id}`)
  expect((await machines()).map((machine) => machine.id)).toEqual([id])
  expect(await connections()).toEqual([])

  const listed = await command(['ls', '--json'], { METAL_API_TOKEN: '' })
  expect(JSON.parse(listed.stdout)).toMatchObject({ id, cloud: 'oci', plan: 'BM.Standard.E4.128', state: 'RUNNING' })

  const watched = await command(['console', id, '-wait-for', up, '-timeout', '30s'])
  expect([watched.code, watched.stdout.includes(up)], watched.stderr).toEqual([0, true])

  const again = await command([
    'run',
    'oci',
    ...served,
    '-device',
    id,
    '-wait-for',
    up,
    '-timeout',
    '50s',
    image.prefix,
  ])
  expect(again.code, again.stderr).toBe(0)
  expect(again.stderr).toContain(`Resetting ${id}...`)
  // The boot before the reset is in the console's history, and would match too soon.
  expect(again.stdout.match(/machine is up/g)).toHaveLength(1)

  const elsewhere = await command(['run', 'oci', ...(await serving()), '-device', id, '-wait-for', up, image.prefix])
  expect(elsewhere.code).toBe(6)
  expect(elsewhere.stderr).toMatch(
    /boots "http\S+" for its whole life, not "http\S+"; Oracle Cloud cannot change the ipxeScript/,
  )

  const secretive = lab.apiUrl.replace('//', '//me:hush@')
  const checked = await command(['doctor', 'oci', '-api-url', secretive])
  expect(checked.stdout + checked.stderr).not.toContain('hush')
  expect(checked.stdout).toMatch(/^ok +profile +DEFAULT is accepted by /m)
  expect(checked.stdout).toMatch(/^ok    compartment  ocid1/m)
  expect(checked.stdout).toMatch(/^ok    machine      BM\.Standard2\.52 can be rented in /m)
  expect(await connections()).toEqual([])

  const young = await command(['rm', '--older-than', '1h'])
  expect([young.code, (await machines()).length], young.stderr).toEqual([0, 1])
  const removed = await command(['rm', '--older-than', '0s', '--yes'])
  expect(removed.code, removed.stderr).toBe(0)
  await expectNothing()
})

test('console=false: kept without a console', { timeout: 60_000 }, async () => {
  const served = await serving()
  const { code, texts, interrupt } = begin(['run', 'oci', ...served, '-keep', '-console=false', image.prefix])
  await expect.poll(states, { timeout: 30_000 }).toEqual(['RUNNING'])
  interrupt(new InterruptedError('SIGTERM'))
  await code
  said += texts.stderr
  expect(texts.stderr).toContain('Delete it: metalkit rm ocid1.instance.')
  expect(await connections()).toEqual([])
})

test('an interrupt gives back the machine and its console connection', { timeout: 60_000 }, async () => {
  const { code, texts, interrupt } = begin([
    'run',
    'oci',
    ...(await serving()),
    '-vv',
    '-wait-for',
    'never',
    image.prefix,
  ])
  await expect.poll(() => texts.stdout, { timeout: 40_000 }).toContain(up)
  expect(await connections()).toHaveLength(1)
  interrupt(new InterruptedError('SIGTERM'))
  expect(await code).toBe(143)
  said += texts.stderr
  await expectNothing()
})

test('a second interrupt does not wait for a console that is given back slowly', { timeout: 90_000 }, async () => {
  lab.faults.set(parseFaults('console-delete:slow-headers for=60000ms x1', ociFaults))
  const args = ['run', 'oci', ...(await serving()), '-vv', '-wait-for', 'never', image.prefix]
  const { code, texts, interrupt, force } = begin(args)
  await expect.poll(() => texts.stdout, { timeout: 40_000 }).toContain(up)
  interrupt(new InterruptedError('SIGTERM'))
  await expect.poll(() => texts.stderr, { timeout: 20_000 }).toContain('giving the machine back')
  const forcedMs = performance.now()
  force(new InterruptedError('SIGTERM'))
  expect(await code, texts.stderr).toBe(143)
  // Without an answer, the console is waited for for 30 s.
  expect(performance.now() - forcedMs).toBeLessThan(15_000)
  lab.faults.set([])
  await expectNothing()
})

test(
  'a second interrupt leaves a console connection to a kept machine that was named',
  { timeout: 90_000 },
  async () => {
    lab.faults.set(parseFaults('console-delete:500', ociFaults))
    const args = ['run', 'oci', ...(await serving()), '-keep', '-wait-for', 'never', image.prefix]
    const { code, texts, interrupt, force } = begin(args)
    await expect.poll(() => texts.stdout, { timeout: 40_000 }).toContain(up)
    interrupt(new InterruptedError('SIGTERM'))
    await expect.poll(() => texts.stderr, { timeout: 20_000 }).toContain('Deleting the console connection ')
    force(new InterruptedError('SIGTERM'))
    expect(await code, texts.stderr).toBe(143)
    said += texts.stderr
    const [connection] = await connections()
    expect(texts.stderr).toContain(`Deleting the console connection ${connection?.id}...`)
    lab.faults.set([])
    const [machine] = await machines()
    expect(await command(['rm', machine?.id ?? ''])).toMatchObject({ code: 0 })
    await expectNothing()
  },
)

test('what a killed run leaves is deleted by rm', { timeout: 90_000 }, async () => {
  const args = ['run', 'oci', ...(await serving()), '-wait-for', 'never', image.prefix]
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], HOME: makeTestFolder(), ...lab.environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await expect.poll(() => output, { timeout: 60_000 }).toContain(up)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await connections()).toHaveLength(1)
  const [machine] = await machines()
  const { code, stderr } = await command(['rm', machine?.id ?? '', '-v'])
  expect(code, stderr).toBe(0)
  await expectNothing()
})

describe('refusals', () => {
  test.each([
    [
      'a plan that is unknown',
      ['-machine', 'BM.Standard.E4.127'],
      /has no shape "BM\.Standard\.E4\.127"; name one with --machine: BM\.Standard\.E4\.128/,
    ],
    ['a domain that is unknown', ['-availability-domain', 'AD-9'], /there is no availability domain "AD-9"/],
    ['a profile that is unknown', ['-profile', 'x'], /the profile "x" is not in the OCI config file/],
    ['a time to live', ['-ttl', '1h'], /ttl/],
  ])('%s: nothing is launched', async (_name, args, line) => {
    const { code, stderr } = await command(['run', 'oci', ...(await serving()), ...args, image.prefix])
    expect(code).toBe(2)
    expect(stderr).toMatch(line)
    await expectNothing()
  })
})

test('nothing secret was printed in all of this', () => {
  expect(said).toContain('GET 127.0.0.1')
  const config = readFileSync(lab.environment['OCI_CLI_CONFIG_FILE'] ?? '', 'utf8')
  const keyFiles = [...config.matchAll(/key_file\s*=\s*(.+)/g)].map(([, path = '']) => path.trim())
  const tokens = [...config.matchAll(/security_token_file\s*=\s*(.+)/g)].map(([, path = '']) =>
    readFileSync(path.trim(), 'utf8'),
  )
  for (const path of keyFiles) {
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.length > 40)
    for (const line of lines) expect(said).not.toContain(line)
  }
  for (const token of tokens) expect(said).not.toContain(token.trim())
  expect(said).not.toMatch(/PRIVATE KEY|signature="|algorithm="rsa/)
})
