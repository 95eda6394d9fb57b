// A server that curl creates, booted by a real iPXE.
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { expect, onTestFinished, test } from 'vitest'

import { createQemuDriver } from '../../../src/lab/machines/qemu/qemu.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { needs } from '../../helpers/needs.ts'
import { createRecorder } from '../../helpers/recorder.ts'
import { serveFiles } from '../machines/boot-files.ts'
import { body, startLatitudeLab } from './world.ts'

const programs = ['qemu-system-x86_64', 'curl', 'ssh']

test(
  'curl creates a server, whose iPXE fetches the script at its URL',
  { ...needs(...programs), timeout: 300_000 },
  async () => {
    using folder = makeFolder()
    const driver = await createQemuDriver({ diskFolder: join(folder.path, 'disks'), report: createRecorder() })
    await using lab = await startLatitudeLab({ driver, capacity: { memoryMib: 2 ** 20, cpus: 64 } })
    await using files = await serveFiles({ 'x.ipxe': '#!ipxe\necho this is ${buildarch} on ${manufacturer}\nshell\n' })
    const attributes = {
      project: lab.projectId,
      plan: 'c3-small-x86',
      site: 'DAL',
      operating_system: 'ipxe',
      hostname: 'by-curl',
      ipxe: `${files.url.replace('127.0.0.1', '10.0.2.2')}/x.ipxe`,
      persistent_netboot: true,
      billing: 'hourly',
    }
    const headers = [`Authorization: Bearer ${lab.token}`, 'Content-Type: application/json']
    const curl = async (path: string, ...more: string[]) => {
      const args = ['-sS', ...headers.flatMap((header) => ['-H', header]), ...more, `${lab.apiUrl}${path}`]
      return (await promisify(execFile)('curl', args)).stdout
    }
    const created: { data: { id: string } } = JSON.parse(
      await curl('/servers', '-f', '-d', JSON.stringify(body('servers', attributes))),
    )
    const { id } = created.data
    const connect = JSON.stringify(body('out_of_band', { ssh_key_id: await lab.keyId() }))
    const path = `/servers/${id}/out_of_band_connection`
    await expect
      .poll(async () => await curl(path, '-d', connect), { timeout: 120_000 })
      .toContain('"username":"server-1"')
    const options = ['-F', 'none', '-o', `UserKnownHostsFile=${lab.knownHostsPath}`, '-o', 'IdentitiesOnly=yes']
    const console = spawn('ssh', [
      ...options,
      '-tt',
      '-i',
      lab.userKeyPath,
      '-p',
      String(lab.sos.port),
      `server-1@127.0.0.1`,
    ])
    onTestFinished(() => void console.kill('SIGKILL'))
    let screen = ''
    console.stdout.on('data', (bytes: Buffer) => (screen += bytes.toString()))
    await expect.poll(() => screen, { timeout: 240_000 }).toMatch(/this is (x86_64|i386) on QEMU/)
    expect(files.requests).toMatchObject([{ path: 'x.ipxe', agent: expect.stringMatching(/^iPXE/) }])
    await lab.waitForStatus(id, 'on')
    expect(await curl(`/servers/${id}`, '-f', '-X', 'DELETE')).toBe('')
    await expect.poll(async () => (await lab.ask('GET', `/servers/${id}`)).status, { timeout: 60_000 }).toBe(404)
  },
)
