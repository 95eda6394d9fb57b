import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { parseFaults } from '../../../src/lab/faults/faults.ts'
import { latitudeFaults } from '../../../src/lab/latitude/faults.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { fakeBzImage } from '../../helpers/image.ts'
import { attendedMachines } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { makeKey, type TestKey } from '../../helpers/sshd.ts'
import { bootScriptFor, serveFiles } from '../machines/boot-files.ts'
import { body, type LatitudeLab, startLatitudeLab } from './world.ts'

describe('the console, with OpenSSH', needs('ssh', 'ssh-keygen'), () => {
  let lab: LatitudeLab
  let folder: TestFolder
  let key: TestKey
  let keyId: string
  let files: Awaited<ReturnType<typeof serveFiles>>
  const children: ReturnType<typeof spawn>[] = []

  beforeAll(async () => {
    folder = makeFolder()
    key = makeKey(folder.path, 'mine', 'ed25519')
    files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
    files.files['x.ipxe'] = bootScriptFor(files.url)
    lab = await startLatitudeLab({ driver: attendedMachines() })
    const attributes = { name: 'mine', public_key: key.line, project: lab.projectId }
    keyId = (await lab.ask('POST', '/ssh_keys', body('ssh_keys', attributes))).json.data.id
  })
  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
    await files[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })
  let id: string
  beforeEach(async () => {
    id = (await lab.create({ ipxe: `${files.url}/x.ipxe` })).json.data.id
  })
  afterEach(async () => {
    lab.faults.set([])
    for (const child of children.splice(0)) child.kill('SIGKILL')
    await lab.ask('DELETE', `/servers/${id}`)
  })

  /** Asks for the console until it is not refused. */
  const open = async (): Promise<string> => {
    const sent = body('out_of_band', { ssh_key_id: keyId })
    const ask = () => lab.ask('POST', `/servers/${id}/out_of_band_connection`, sent)
    await expect.poll(async () => (await ask()).status, { timeout: 20_000 }).toBe(201)
    return (await ask()).json.data.attributes.username
  }
  const ssh = (login: string, identity = key.file) => {
    const options = ['IdentitiesOnly=yes', 'BatchMode=yes', `UserKnownHostsFile=${lab.knownHostsPath}`]
    const args = [
      ...options.flatMap((option) => ['-o', option]),
      '-F',
      'none',
      '-i',
      identity,
      '-p',
      String(lab.sos.port),
    ]
    const child = spawn('ssh', ['-tt', ...args, `${login}@${lab.sos.host}`])
    children.push(child)
    const seen = { text: '' }
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (seen.text += String(bytes)))
    const shows = (text: string) => expect.poll(() => seen.text, { timeout: 20_000 }).toContain(text)
    return { child, seen, shows, code: once(child, 'close').then(([code]: unknown[]) => code) }
  }

  test('is refused until the machine is on; then it shows the boot and takes input, for one session at a time', async () => {
    const username = await open()
    const session = ssh(username)
    await session.shows('simulated machine is up')
    expect(session.seen.text).toMatch(/iPXE/)
    expect(session.seen.text).not.toContain('SOS')
    session.child.stdin.write('uname\r')
    await session.shows('Linux')
    const second = ssh(username)
    await second.shows('another session is using this console')
    expect(await second.code).toBe(75)
    await lab.ask('DELETE', `/servers/${id}`)
    expect(await session.code).toBe(0)
  })

  test('opens for the key of the connection only, and only under its user name', async () => {
    const username = await open()
    for (const refused of [ssh(username, lab.userKeyPath), ssh(id), ssh('server-99')]) {
      await refused.shows('Permission denied (publickey)')
      expect(await refused.code).toBe(255)
    }
    const other = { ssh_key_id: await lab.keyId() }
    const { json } = await lab.ask('POST', `/servers/${id}/out_of_band_connection`, body('out_of_band', other))
    expect(json.data.attributes).toMatchObject({ username })
    await ssh(username).shows('Permission denied (publickey)')
    await ssh(username, lab.userKeyPath).shows('machine is up')
  })

  test('has a host key that the lab keeps; a fault shows another', async () => {
    const username = await open()
    expect(readFileSync(join(lab.stateFolder, 'ssh/known_hosts'), 'utf8')).toContain('ssh-rsa')
    await ssh(username).shows('machine is up')
    lab.faults.set(parseFaults('sos:wrong-key x1', latitudeFaults))
    await ssh(username).shows('Host key verification failed')
  })
})
