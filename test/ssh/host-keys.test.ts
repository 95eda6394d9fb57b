// Our decisions about hosts with keys of all kinds, by all files, compared with ssh's.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Verdict } from '../../src/ssh/known-hosts.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { writeSshdConfig } from '../helpers/sshd.ts'
import { askMetalkit, askSsh, compare, hostKeyKinds, makeHostKeys } from './host-judges.ts'
import { createFinder } from '../console/world.ts'

describe('host keys, compared with OpenSSH', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  let folder: TestFolder
  let keys: ReturnType<typeof makeHostKeys>
  beforeAll(() => {
    folder = makeFolder()
    mkdirSync(join(folder.path, '.ssh'))
    keys = makeHostKeys(folder, 'other')
  })
  afterAll(() => folder[Symbol.dispose]())

  test.each(hostKeyKinds)('a key of type %s', async (kind) => {
    const all = { keys: hostKeyKinds.map((name) => keys.get(name)) }
    const alone = { keys: [keys.get(kind)] }
    const { line } = keys.get(kind)
    expect(await compare(folder, all, `a.example ${line}`)).toMatchObject({ kind: 'trusted' })
    expect(await compare(folder, alone, `a.example ${line}`)).toMatchObject({ kind: 'trusted' })
    expect(await compare(folder, alone, keys.fill('a.example OTHER'))).toMatchObject({ kind: 'changed' })
    expect(await compare(folder, alone, `@revoked * ${line}`)).toMatchObject({ kind: 'revoked' })
  })

  test.each<[name: string, lines: string, kind: Verdict['kind'], port?: number]>([
    ['several known keys, all correct', 'a.example ED25519\na.example RSA\na.example ECDSA-256', 'trusted'],
    ['of two types, the one that ssh requests first has changed', 'a.example OTHER\na.example RSA', 'changed'],
    ['the same in the other order', 'a.example RSA\na.example OTHER', 'changed'],
    ['of two types, the one that ssh requests first is correct', 'a.example RSA\na.example ED25519', 'trusted'],
    ['the key that ssh does not request is revoked', '@revoked * ED25519\na.example RSA', 'trusted'],
    ['a port, and another', '[a.example]:1 RSA', 'unknown'],
    ['a port, by the bare name', 'a.example ED25519', 'trusted', 2222],
    ['a port, by the bare name, with a key that ssh does not request then', 'a.example RSA', 'unknown', 2222],
  ])('a host with three keys: %s', async (_name, lines, kind, port = 22) => {
    const host = { keys: ['ed25519', 'ecdsa-256', 'rsa'].map(keys.get) }
    expect(await compare(folder, host, keys.fill(lines), { host: 'a.example', port })).toMatchObject({ kind })
  })

  /** The files that metalkit reads for a configuration. */
  async function filesOf(config: string): Promise<readonly string[]> {
    folder.write('.ssh/config', config)
    const finder = createFinder(folder.path, { identityFiles: [keys.get('ed25519').file] })
    return (await finder.find({ host: 'a.example', port: 22 }, '', new AbortController().signal)).trust.knownHosts.files
  }

  test("the default files are ssh's, including known_hosts2 and the system's", async () => {
    const judge = execFileSync('ssh', ['-G', '-F', 'none', 'a.example'], { encoding: 'utf8' })
    const listOf = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(judge)?.[1]?.split(' ') ?? []
    const files = [...listOf('userknownhostsfile'), ...listOf('globalknownhostsfile')]
    expect(files).toHaveLength(4)
    expect(await filesOf('')).toEqual(files.map((name) => name.replace(/^.*\/\.ssh\//, `${folder.path}/.ssh/`)))
  })

  const known = { none: '', right: 'a.example ED25519', wrong: 'a.example OTHER', revoked: '@revoked * ED25519' }
  type Known = keyof typeof known
  test.each<[user: Known[], system: Known[], kind: Verdict['kind']]>([
    [['none', 'right'], ['none', 'none'], 'trusted'],
    [['none', 'none'], ['right', 'none'], 'trusted'],
    [['none', 'none'], ['none', 'right'], 'trusted'],
    [['none', 'wrong'], ['none', 'right'], 'trusted'],
    [['none', 'none'], ['none', 'wrong'], 'changed'],
    [['right', 'none'], ['none', 'revoked'], 'revoked'],
    [['none', 'none'], ['none', 'none'], 'unknown'],
  ])('files of the user, %j, and of the system, %j: %s', async (user, system, kind) => {
    const write = (name: Known, index: number) => {
      const file = join(folder.path, `${name}-${index}`)
      return name === 'none' ? file : folder.write(`${name}-${index}`, `${keys.fill(known[name])}\n`)
    }
    const [own, global] = [user.map(write), system.map(write)]
    const host = { keys: [keys.get('ed25519')] }
    const place = { host: 'a.example', port: 22 }
    const config = writeSshdConfig(folder, 'system', { hostKeys: host.keys })
    const files = await filesOf(`UserKnownHostsFile ${own.join(' ')}\nGlobalKnownHostsFile ${global.join(' ')}\n`)
    expect(files).toEqual([...own, ...global])
    const theirs = await askSsh({ config, files: own, system: global, ...place })
    expect([(await askMetalkit(folder, host, files, place)).kind, theirs.kind]).toEqual([kind, kind])
  })
})
