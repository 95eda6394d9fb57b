import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { networkInterfaces, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadSshSettings, type SettingsQuery } from '../../../src/ssh/config/settings.ts'
import { needs } from '../../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'

/** A network for documentation (RFC 5737), to which this computer does not belong. */
const ownAddresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
const isForeign = (network: string) => !ownAddresses.some((address) => address.startsWith(network))
const foreign = `${['192.0.2.', '198.51.100.', '203.0.113.'].find(isForeign)}0/24`

describe("ssh's settings", needs('ssh'), () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
  })
  afterAll(() => folder[Symbol.dispose]())

  const host = 'sos.am6.platformequinix.com'
  const user = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'
  const read = async (file: string, system = '/dev/null', more: Partial<SettingsQuery> = {}) =>
    await loadSshSettings({
      host,
      port: undefined,
      user,
      home: folder.path,
      localUser: 'me',
      env: { SECRETS: '/secrets', SOCKET: '/run/agent' },
      files: [file, system],
      ...more,
    })

  test('files and sockets, with their tokens', async () => {
    const file = folder.write(
      'files',
      [
        'Host sos.*',
        '  IdentityFile ~/.ssh/metal',
        '  IdentityFile ${SECRETS}/%n-%u-%%',
        '  IdentityAgent $SOCKET',
        '  UserKnownHostsFile ~/one /two/%h',
        '  GlobalKnownHostsFile none',
        '  User somebody',
        '',
      ].join('\n'),
    )
    expect(await read(file, folder.write('system', 'IdentityFile /system\nUser else\n'))).toMatchObject({
      identityFiles: [`${folder.path}/.ssh/metal`, `/secrets/${host}-me-%`, '/system'],
      identityAgent: '/run/agent',
      userKnownHosts: [`${folder.path}/one`, `/two/${host}`],
      globalKnownHosts: [],
    })
  })

  test('a port on the command line overrides the port in the file', async () => {
    const file = folder.write('port', 'Port 7\n')
    expect((await read(file, undefined, { port: 2200 })).port).toBe(2200)
    expect((await read(file, undefined, { port: 22 })).port).toBe(22)
  })

  const passedOver = (line: number, condition: string) =>
    `ssh's configuration "${folder.path}/noted" line ${line}: the block is ignored, as metalkit does not evaluate "Match ${condition}"`

  test('the commands of Match exec are not run, which is reported once', async () => {
    const text = `Match exec "touch ${folder.path}/ran"\n  Port 7\nMatch !exec "false" final\n  Port 8\nMatch final\n  Port 9\n`
    const { port, notes } = await read(folder.write('noted', text))
    expect({ port, notes }).toEqual({ port: 9, notes: [passedOver(1, 'exec'), passedOver(3, 'exec')] })
    expect(existsSync(join(folder.path, 'ran'))).toBe(false)
  })

  test('a Match exec for another host is not reported', async () => {
    const file = folder.write('quiet', 'Match host other exec "true"\n  Port 7\nHost other\n  Include noisy\n')
    folder.write('noisy', 'Match exec "true"\n  Port 7\n')
    expect((await read(file)).notes).toEqual([])
  })

  // Releases of ssh after Debian 12's know them.
  test.each([
    ['Match tagged x', 'Tag x\nMatch tagged x,y\n', true],
    ['Match tagged without a tag', 'Match tagged x\n', false],
    ['Match tagged ""', 'Match tagged ""\n', true],
    ['Match command', 'Match command ls\n', false],
    ['Match sessiontype', 'Match sessiontype shell\n', true],
    ['Match localnetwork', `Match localnetwork ${foreign},127.0.0.0/8\n`, true],
    ['Match localnetwork elsewhere', `Match localnetwork ${foreign},2001:db8::/32\n`, false],
    ['Match !localnetwork', `Match !localnetwork ${foreign}\n`, true],
  ])('%s', async (_name, text, matches) => {
    expect((await read(folder.write('new', `${text}  Port 7\n`))).port).toBe(matches ? 7 : 22)
  })

  test('Match version is ignored, and an invalid network is refused', async () => {
    expect((await read(folder.write('noted', 'Match version OpenSSH_9*\n  Port 7\n'))).notes).toEqual([
      passedOver(1, 'version'),
    ])
    await expect(read(folder.write('net', '\nMatch localnetwork 10.0.0.0/8,lan\n'))).rejects.toThrow(
      `ssh's configuration "${folder.path}/net" line 2: "lan" is not a network`,
    )
  })

  test("an IdentityFile takes ssh's tokens", () => {
    const file = folder.write(
      'tokens',
      ['HostName real.example', 'Port 7', 'HostKeyAlias ALIAS', ...'CLhiklnpru'.split('')]
        .map((token) => (token.length === 1 ? `IdentityFile /${token}-%${token}-%%` : token))
        .join('\n'),
    )
    const { stderr } = spawnSync('ssh', ['-v', '-F', file, '-l', user, '-o', 'ProxyCommand=true', host], {
      encoding: 'utf8',
    })
    const judge = [...stderr.matchAll(/identity file (\S+) type/g)]
      .map(([, name]) => name)
      .filter((name) => !name?.endsWith('-cert'))
    expect(judge.length).toBe(10)
    return expect(read(file, undefined, { localUser: userInfo().username })).resolves.toMatchObject({
      identityFiles: judge,
    })
  })

  test.each([
    ['the system file', 'system', '\nInclude ~/x\n', 'bad include path "~/x"'],
    ['a byte-order mark', 'user', '\ufeffPort 7', 'the file begins with a byte-order mark'],
  ])('a refusal names the file and line: %s', async (_name, which, text, words) => {
    const file = folder.write('refused', text)
    const line = text.startsWith('\n') ? 2 : 1
    const failed = which === 'user' ? read(file) : read('/dev/null', file)
    await expect(failed).rejects.toThrow(`ssh's configuration "${file}" line ${line}: ${words}`)
  })
})
