import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, onTestFinished, test, vi } from 'vitest'

import { openDiskFolder } from '../../../src/lab/storage/disk-folder.ts'
import { createSimulatedDriver } from '../../../src/lab/machines/simulated/simulated.ts'
import { labRecord } from '../../helpers/running-lab.ts'
import { recordLab } from '../../../src/lab/storage/running-labs.ts'
import { lockState } from '../../../src/lab/storage/state-folder.ts'
import { startTestLab, type TestLabOptions, waitForState, waitUntil } from '../../helpers/lab.ts'
import { findProgram, needs } from '../../helpers/needs.ts'

async function makeFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-lab-kept-'))
  return {
    folder,
    cloudFile: join(folder, 'cloud.json'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

const body = {
  plan: 'c3.small.x86',
  metro: 'ny',
  operating_system: 'custom_ipxe',
  userdata: '#!ipxe\nsleep 600',
  hostname: 'box',
}

async function startIn(cloudFile: string, options: TestLabOptions = {}) {
  const lab = await startTestLab({ cloudFile, ...options })
  return {
    lab,
    create: async (more: object = {}) => {
      const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, ...more })
      expect(status, JSON.stringify(json)).toBe(201)
      return String(json.id)
    },
    get: async (id: string) => await lab.call('GET', `/devices/${id}`),
    eventTypes: async (id: string): Promise<string[]> => {
      const { json } = await lab.call('GET', `/devices/${id}/events?per_page=100`)
      return json.events.map(({ type }: { type: string }) => type)
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}

describe('after a restart', () => {
  test('devices, keys, batches, events and the token are as before; running machines are off and can be switched on', async () => {
    await using place = await makeFolder()
    let before: { id: string; token: string; device: Record<string, unknown>; keys: unknown; events: string[] }
    {
      await using own = await startIn(place.cloudFile)
      const id = await own.create({ tags: ['a'], customdata: { x: 1 }, always_pxe: true, locked: true })
      await waitForState(own.lab, id, 'active')
      await own.lab.call('POST', `/projects/${own.lab.projectId}/devices/batch`, { batches: [body] })
      before = {
        id,
        token: own.lab.token,
        device: (await own.get(id)).json,
        keys: (await own.lab.call('GET', '/ssh-keys')).json,
        events: await own.eventTypes(id),
      }
    }
    await using own = await startIn(place.cloudFile)
    expect(own.lab.token).toBe(before.token)
    const { json: device } = await own.get(before.id)
    expect(device).toEqual({ ...before.device, state: 'inactive', updated_at: expect.any(String) })
    expect(await own.eventTypes(before.id)).toEqual(['instance.powered_off', ...before.events])
    expect((await own.lab.call('GET', '/ssh-keys')).json).toEqual(before.keys)
    expect((await own.lab.call('GET', `/projects/${own.lab.projectId}/batches`)).json.batches).toHaveLength(1)
    await own.lab.call('POST', `/devices/${before.id}/actions`, { type: 'power_on' })
    await waitForState(own.lab, before.id, 'active')
    await waitUntil(
      () => own.eventTypes(before.id),
      (types) => types.filter((type) => type === 'provisioning.104.01').length === 2,
    )
  })

  test('provisioning devices are provisioned again, failed ones stay failed, and deleted ones are gone', async () => {
    await using place = await makeFolder()
    const ids: string[] = []
    let failed = ''
    {
      await using own = await startIn(place.cloudFile, { driver: { ...createSimulatedDriver(), installs: false } })
      failed = await own.create({ operating_system: 'debian_12', userdata: '' })
      await waitForState(own.lab, failed, 'failed')
    }
    {
      await using own = await startIn(place.cloudFile, { pace: { queuedMs: 50, stepMs: 60_000 } })
      const provisioning = await own.create()
      await waitForState(own.lab, provisioning, 'provisioning')
      const leaving = await own.create()
      await own.lab.call('DELETE', `/devices/${leaving}?force_delete=true`)
      const queued = await own.create()
      ids.push(provisioning, queued, leaving)
    }
    const discarded: string[] = []
    const driver = { ...createSimulatedDriver(), discard: async (id: string) => void discarded.push(id) }
    await using own = await startIn(place.cloudFile, { driver })
    const [provisioning = '', queued = '', leaving = ''] = ids
    await waitForState(own.lab, provisioning, 'active')
    await waitForState(own.lab, queued, 'active')
    expect((await own.get(leaving)).status).toBe(404)
    expect(discarded).toContain(leaving)
    expect((await own.get(failed)).json.state).toBe('failed')
    expect((await own.eventTypes(failed))[0]).toBe('instance.failed')
  })

  test('a created device exists even if the lab was killed right after the create', async () => {
    await using place = await makeFolder()
    const first = await startIn(place.cloudFile)
    const id = await first.create()
    const atThatMoment = await readFile(place.cloudFile, 'utf8')
    await first[Symbol.asyncDispose]()
    await writeFile(place.cloudFile, atThatMoment)
    await using own = await startIn(place.cloudFile)
    await waitForState(own.lab, id, 'active')
  })
})

describe('the file', () => {
  test('is readable only by its owner, and no other file is left beside it', async () => {
    await using place = await makeFolder()
    await using own = await startIn(place.cloudFile)
    await Promise.all(Array.from({ length: 20 }, () => own.create()))
    expect((await stat(place.cloudFile)).mode & 0o777).toBe(0o600)
    expect(JSON.parse(await readFile(place.cloudFile, 'utf8')).devices).toHaveLength(20)
    // Machines are still coming up, and each change is first written beside the file.
    await expect.poll(() => readdir(place.folder)).toEqual(['cloud.json'])
  })

  test('that cannot be written makes a create fail, and the lab continues', async () => {
    await using place = await makeFolder()
    const path = join(place.folder, 'gone', 'cloud.json')
    await using lab = await startTestLab({ cloudFile: path })
    const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
      plan: 'c3.small.x86',
      metro: 'am',
      operating_system: 'custom_ipxe',
      ipxe_script_url: 'http://127.0.0.1:9/',
    })
    expect(status).toBe(500)
    expect(json.error).toContain('The lab cannot save the state in')
    const list = async () => (await lab.call('GET', `/projects/${lab.projectId}/devices`)).json.devices
    await expect.poll(list).toEqual([])
    expect(lab.lines.filter((line) => line.includes(`cannot save the state in "${path}"`))).not.toEqual([])
  })

  test.each([
    ['a newer version', { version: 2 }, 'it has version 2, of a newer metalkit; this one reads version 1'],
    [
      'an unknown plan',
      { version: 1, devices: [{ hostname: 'box', plan: 'z9.huge', metro: 'am', operatingSystem: 'custom_ipxe' }] },
      'its machine "box" has the plan "z9.huge", which this metalkit does not know',
    ],
  ])('with %s prevents the start, and stays unchanged', async (_, state, why) => {
    await using place = await makeFolder()
    const text = JSON.stringify(state)
    await writeFile(place.cloudFile, text)
    await expect(startTestLab({ cloudFile: place.cloudFile })).rejects.toMatchObject({
      name: 'LabError',
      message: `the lab's state in "${place.cloudFile}" cannot be used: ${why}`,
      hint: 'use the metalkit that wrote it, or start this lab with another --name',
    })
    expect(await readFile(place.cloudFile, 'utf8')).toBe(text)
  })

  test.each([
    ['not JSON', '{"version":1,', 'it is not JSON'],
    ['without a version', '{"version":0}', '"version" has an unexpected value'],
    ['of another form', '[]', 'it has an unexpected value'],
  ])('that is %s prevents the start, and stays unchanged', async (_, text, why) => {
    await using place = await makeFolder()
    await writeFile(place.cloudFile, text)
    await expect(startTestLab({ cloudFile: place.cloudFile })).rejects.toMatchObject({
      name: 'LabError',
      message: `cannot read the lab's state in "${place.cloudFile}": ${why}`,
      hint: 'move the file away to start without saved devices',
    })
    expect(await readFile(place.cloudFile, 'utf8')).toBe(text)
  })
})

const pathOf = (kind: string) => (kind === 'flock' ? process.env['PATH'] : '/nonexistent')

describe('the lock', () => {
  test('allows one lab at a time, and is released', async () => {
    await using place = await makeFolder()
    const path = join(place.folder, 'lock')
    {
      await using _lock = await lockState(path, 'mine')
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      await expect(lockState(path, 'mine')).rejects.toMatchObject({
        message: `a lab named "mine" is already running, as process ${process.pid}`,
      })
    }
    await using _again = await lockState(path, 'mine')
    await expect(lockState(path, 'mine', async () => ({ rack: '/etc/rack.yaml' }))).rejects.toMatchObject({
      message: `a rack named "mine" is already running, as process ${process.pid}`,
      hint: 'to use it, run: eval "$(metalkit rack env --name mine)"; or start this one with another --name',
    })
    expect(await readdir(place.folder)).toEqual(['lock'])
  })

  test.each([
    ['flock', 'flock'],
    ['flock', 'no flock'],
    ['no flock', 'flock'],
    ['no flock', 'no flock'],
  ])(
    'of a lab with %s holds in another PID namespace with %s, and the files of that lab stay',
    needs('unshare', 'flock'),
    async (own, other) => {
      await using place = await makeFolder()
      const state = join(import.meta.dirname, '../../../src/lab/storage')
      const script = `
      import { lockState } from '${join(state, 'state-folder.ts')}'
      import { openDiskFolder } from '${join(state, 'disk-folder.ts')}'
      import { listRunningLabs } from '${join(state, 'running-labs.ts')}'
      const path = '${join(place.folder, 'lock')}'
      await openDiskFolder('${place.folder}', undefined)
      const labs = await listRunningLabs('${place.folder}')
      const said = await lockState(path, 'mine').then(() => 'taken', (error) => error.message)
      process.stdout.write(JSON.stringify([labs.map(({ name }) => name), said]))`
      const file = join(place.folder, 'other.ts')
      await writeFile(file, script)
      const bundle = join(place.folder, 'other.mjs')
      execFileSync(
        'npx',
        ['rolldown', file, '--platform', 'node', '--format', 'esm', '--log-level', 'silent', '-o', bundle],
        { stdio: 'ignore' },
      )
      vi.stubEnv('PATH', pathOf(own))
      const lock = await lockState(join(place.folder, 'lock'), 'mine')
      const disks = await openDiskFolder(place.folder, undefined)
      await mkdir(disks.path)
      const record = await recordLab(place.folder, labRecord('mine'))
      vi.unstubAllEnvs()
      const look = () => {
        const args = ['-p', '-f', '--mount-proc', process.execPath, bundle]
        const env = { ...process.env, PATH: pathOf(other) }
        const said: unknown = JSON.parse(execFileSync(findProgram('unshare') ?? '', args, { encoding: 'utf8', env }))
        return said
      }
      expect(look()).toEqual([['mine'], 'a lab named "mine" is already running, in another container'])
      expect(existsSync(disks.path)).toBe(true)
      for (const one of [lock, disks, record]) await one[Symbol.asyncDispose]()
      expect(look()).toEqual([[], 'taken'])
      expect((await readdir(place.folder)).filter((name) => name.startsWith('lock.'))).toEqual([])
    },
  )

  test('without flock, the lock of a lab in another container expires without heartbeats', async () => {
    await using place = await makeFolder()
    const path = join(place.folder, 'lock')
    vi.stubEnv('PATH', '/nonexistent')
    onTestFinished(() => void vi.unstubAllEnvs())
    await writeFile(path, '1 42\nelsewhere pid:[7]\nheartbeat\n')
    await expect(lockState(path, 'mine')).rejects.toThrow('is already running, in another container')
    const before = new Date(Date.now() - 60_000)
    await utimes(path, before, before)
    await using _lock = await lockState(path, 'mine')
    expect(await readdir(place.folder)).toEqual(['lock'])
  })

  test.each([
    [
      'of an ended process',
      async () => {
        const child = spawn('true')
        await new Promise((resolve) => child.once('close', resolve))
        return `${child.pid} 1`
      },
    ],
    ['of a process whose number has been reused', async () => `${process.pid} 1`],
    ['with invalid content', async () => 'nonsense'],
    ['that is empty', async () => ''],
  ])('%s is ignored', async (_, content) => {
    await using place = await makeFolder()
    const path = join(place.folder, 'lock')
    await writeFile(path, await content())
    await using _lock = await lockState(path, 'mine')
    expect(await readdir(place.folder)).toEqual(['lock'])
  })
})
