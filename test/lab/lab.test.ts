import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { build } from 'rolldown'
import { describe, expect, test } from 'vitest'

import { labEnvironment } from '../../src/lab/environment.ts'
import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'
import { startTestLab, waitForState, waitUntil } from '../helpers/lab.ts'
import { findProgram, needs } from '../helpers/needs.ts'
import { close, findFreePort, listen } from '../helpers/port.ts'
import { fakeBzImage } from '../helpers/image.ts'
import { bootScriptFor, serveFiles } from './machines/boot-files.ts'

test('the environment has the variables that metalkit reads', async () => {
  await using lab = await startTestLab()
  expect(labEnvironment(lab)).toEqual({
    METAL_API_URL: lab.apiUrl,
    METAL_API_TOKEN: lab.token,
    METAL_PROJECT_ID: lab.projectId,
    METAL_SOS: `127.0.0.1:${lab.sos.port}`,
    METAL_IDENTITY: lab.userKeyPath,
    METAL_KNOWN_HOSTS: lab.knownHostsPath,
  })
  expect(lab.apiUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metal\/v1$/)
  expect(lab.machines).toBe('simulated')
  expect(lab.token.length).toBeGreaterThanOrEqual(32)
})

test('the state folder is private, and the token is in none of its files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-lab-state-'))
  try {
    const stateFolder = join(folder, 'deep', 'lab')
    await using lab = await startTestLab({ stateFolder })
    expect((await stat(stateFolder)).mode & 0o777).toBe(0o700)
    const { stdout } = await promisify(execFile)('find', [folder, '-type', 'f', '-perm', '/077'])
    expect(stdout).toBe('')
    const found = await promisify(execFile)('grep', ['-r', lab.token, folder]).catch((error: { code: number }) => error)
    expect(found).toMatchObject({ code: 1 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test.each(['listen', 'sosListen'] as const)('a taken port (%s) is an error that names it', async (which) => {
  const other = createServer()
  const taken = { host: '127.0.0.1', port: await listen(other) }
  const api = { host: '127.0.0.1', port: await findFreePort() }
  const started = startTestLab({ listen: api, [which]: taken })
  await expect(started).rejects.toMatchObject({
    name: 'LabError',
    message: expect.stringContaining(`"127.0.0.1:${taken.port}"`),
  })
  // Everything that had started by then has ended.
  await expect(fetch(`http://127.0.0.1:${api.port}/`)).rejects.toThrow('fetch failed')
  await close(other)
})

describe('OpenSSH on the SOS', needs('ssh'), () => {
  test('sees the boot, types, and is disconnected when the device is deleted', async () => {
    await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
    files.files['x.ipxe'] = bootScriptFor(files.url)
    await using lab = await startTestLab({ driver: createSimulatedDriver({ lineDelayMs: 20, selfTestMs: 0 }) })
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
      plan: 'c3.small.x86',
      metro: 'ny',
      operating_system: 'custom_ipxe',
      hostname: 'box',
      ipxe_script_url: `${files.url}/x.ipxe`,
      always_pxe: true,
    })
    await waitForState(lab, json.id, 'active')
    const options = [
      'BatchMode=yes',
      `UserKnownHostsFile=${lab.knownHostsPath}`,
      'StrictHostKeyChecking=yes',
      'IdentitiesOnly=yes',
    ]
    const ssh = spawn(findProgram('ssh') ?? 'ssh', [
      '-F',
      'none',
      '-T',
      '-p',
      String(lab.sos.port),
      '-i',
      lab.userKeyPath,
      ...options.flatMap((option) => ['-o', option]),
      `${json.id}@${lab.sos.host}`,
    ])
    let screen = ''
    ssh.stdout.on('data', (bytes: Buffer) => {
      screen += bytes.toString()
    })
    ssh.stderr.on('data', (bytes: Buffer) => {
      screen += bytes.toString()
    })
    const ended = new Promise((resolve) => {
      ssh.once('close', resolve)
    })
    await waitUntil(
      () => screen,
      (shown) => shown.includes('[SOS Session Ready.'),
    )
    await lab.call('POST', `/devices/${json.id}/actions`, { type: 'reboot' })
    await waitUntil(
      () => screen,
      (shown) => shown.includes('simulated machine is up: box'),
    )
    ssh.stdin.write('echo over ssh\r')
    await waitUntil(
      () => screen,
      (shown) => shown.includes('\nover ssh\r\n# '),
    )
    ssh.stdin.write('poweroff\r')
    await waitForState(lab, json.id, 'inactive')
    await lab.call('DELETE', `/devices/${json.id}`)
    await ended
    expect(screen).toContain('reboot: Power down')
  })
})

test('a process exits by itself once its lab and the machines have ended', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-lab-process-'))
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const script = `
    import { startTestLab, waitForState } from ${JSON.stringify(join(root, 'test/helpers/lab.ts'))}
    async function main() {
      const lab = await startTestLab()
      const body = { plan: 'c3.small.x86', metro: 'ny', operating_system: 'custom_ipxe', userdata: '#!ipxe\\nsleep 600' }
      const { json } = await lab.call('POST', '/projects/' + lab.projectId + '/devices', body)
      await waitForState(lab, json.id, 'active')
      await lab.call('POST', '/projects/' + lab.projectId + '/devices', body)
      await lab[Symbol.asyncDispose]()
      console.log('ended')
    }
    main()
  `
  try {
    await writeFile(join(folder, 'main.ts'), script)
    const file = join(folder, 'main.cjs')
    // Node 20 cannot run TypeScript.
    await build({
      input: join(folder, 'main.ts'),
      platform: 'node',
      external: [/^(ssh2|zod|yaml)(\/|$)/],
      transform: { target: 'node20.19' },
      logLevel: 'silent',
      output: { file, format: 'cjs', codeSplitting: false },
    })
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 60_000 })
    expect(stdout.trim()).toBe('ended')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
