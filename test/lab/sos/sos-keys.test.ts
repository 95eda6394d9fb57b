import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadLabKeys } from '../../../src/lab/sos/ssh-keys.ts'
import { needs } from '../../helpers/needs.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metalkit-keys-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('labs that start at the same time share one set of keys, as does the next lab', async () => {
  const [first, ...others] = await Promise.all(Array.from({ length: 4 }, async () => await loadLabKeys(folder, [])))
  for (const keys of [...others, await loadLabKeys(folder, [])]) expect(keys).toEqual(first)
  expect(readdirSync(join(folder, 'ssh')).toSorted()).toEqual([
    'host_rsa',
    'known_hosts',
    'user_ed25519',
    'user_ed25519.pub',
  ])
})

test('only the owner can read them', async () => {
  const keys = await loadLabKeys(folder, [])
  expect(statSync(join(folder, 'ssh')).mode & 0o777).toBe(0o700)
  for (const file of readdirSync(join(folder, 'ssh'))) {
    expect(statSync(join(folder, 'ssh', file)).mode & 0o777).toBe(0o600)
  }
  expect(readFileSync(keys.userKeyPath, 'utf8')).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/)
})

test('a damaged key is named', async () => {
  const { userKeyPath } = await loadLabKeys(folder, [])
  writeFileSync(userKeyPath, 'nonsense')
  await expect(loadLabKeys(folder, [])).rejects.toMatchObject({
    name: 'LabError',
    message: `"${userKeyPath}" is not a private key`,
  })
})

test('a folder that cannot be created is named', async () => {
  writeFileSync(join(folder, 'file'), '')
  await expect(loadLabKeys(join(folder, 'file'), [])).rejects.toMatchObject({
    name: 'LabError',
    message: expect.stringContaining(`cannot keep keys in "${join(folder, 'file', 'ssh')}"`),
  })
})

describe('ssh-keygen', needs('ssh-keygen'), () => {
  test('derives the same public key from the user key', async () => {
    const keys = await loadLabKeys(folder, [])
    const line = execFileSync('ssh-keygen', ['-y', '-f', keys.userKeyPath], { encoding: 'utf8' })
    expect(line.split(' ').slice(0, 2).join(' ').trim()).toBe(keys.userPublicKey)
    expect(readFileSync(`${keys.userKeyPath}.pub`, 'utf8')).toContain(keys.userPublicKey)
  })

  test('finds a host key of 3072 bits for the hosts', async () => {
    await loadLabKeys(folder, ['192.0.2.1'])
    const { knownHostsPath } = await loadLabKeys(folder, ['198.51.100.7'])
    expect(execFileSync('ssh-keygen', ['-l', '-f', knownHostsPath], { encoding: 'utf8' })).toMatch(/^3072 /)
    const hosts = readFileSync(knownHostsPath, 'utf8').split(' ')[0]?.split(',')
    const all = ['127.0.0.1', 'localhost', '198.51.100.7', '192.0.2.1']
    expect(hosts).toEqual(all.flatMap((host) => [`[${host}]:*`, host]))
  })
})

/** The public half of a private key, as ssh2 reads it. */
function lineOf(text: string): string {
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error) throw key
  return `${key.type} ${key.getPublicSSH().toString('base64')}`
}

test("key lines equal ssh2's, and truncated keys are refused", async () => {
  const { hostKey, userKeyPath, userPublicKey, knownHostsPath } = await loadLabKeys(folder, [])
  const userKey = readFileSync(userKeyPath, 'utf8')
  expect(userPublicKey).toBe(lineOf(userKey))
  expect(readFileSync(knownHostsPath, 'utf8').trim().split(' ').slice(1).join(' ')).toBe(lineOf(hostKey))
  const lines = userKey.trim().split('\n')
  for (let count = 1; count < lines.length - 2; count++) {
    writeFileSync(userKeyPath, `${[...lines.slice(0, -1 - count), ...lines.slice(-1)].join('\n')}\n`)
    await expect(loadLabKeys(folder, [])).rejects.toMatchObject({ message: `"${userKeyPath}" is not a private key` })
  }
})
