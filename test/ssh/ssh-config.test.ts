import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadSshSettings, type SshSettings } from '../../src/ssh/ssh-config.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/sshd.ts'

/** What ssh itself would do: `ssh -G`. */
function askSsh(config: string, host: string, user: string): Map<string, string[]> {
  const text = execFileSync('ssh', ['-G', '-F', config, '-l', user, host], { encoding: 'utf8' })
  const values = new Map<string, string[]>()
  for (const line of text.trimEnd().split('\n')) {
    const [key = '', ...words] = line.split(' ')
    values.set(key, [...(values.get(key) ?? []), words.join(' ')])
  }
  return values
}

/** The same words of ours. */
function comparable(settings: SshSettings): Record<string, string | undefined> {
  return {
    hostname: settings.hostName,
    port: String(settings.port),
    identitiesonly: settings.identitiesOnly ? 'yes' : 'no',
    hashknownhosts: settings.hashKnownHosts ? 'yes' : 'no',
    hostkeyalias: settings.hostKeyAlias,
    proxyjump: settings.proxyJump.join(',') || undefined,
  }
}

describe("ssh's settings", needs('ssh'), () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
    mkdirSync(join(folder.path, 'config.d'))
  })
  afterAll(() => folder[Symbol.dispose]())

  const host = 'sos.am6.platformequinix.com'
  const user = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'
  const read = async (...files: string[]) =>
    await loadSshSettings({
      host,
      port: 22,
      user,
      home: folder.path,
      localUser: 'me',
      env: { SECRETS: '/secrets', SOCKET: '/run/agent' },
      files,
    })

  test.each([
    ['nothing', ''],
    ['a name and a port', 'Host sos.*\n  HostName sos.example\n  Port 2222\n'],
    ['the first value counts', 'Host *\n  Port 1\nHost sos.*\n  Port 2\n'],
    ['before any Host', 'Port 7\nHost other\n  Port 8\n'],
    ['another host', 'Host other\n  HostName x\n  Port 3\n'],
    ['a host left out', 'Host *.com !sos.*\n  Port 3\nHost *\n  Port 4\n'],
    ['key=value, quotes and case', 'host "sos.*"\n\tHOSTNAME="sos.example"\n\tport=2222\n'],
    ['comments', '# Host *\nHost * # all\n  Port 5 # five\n'],
    ['%h in HostName', 'Host *\n  HostName internal.%h\n'],
    ['Match', 'Match host sos.* user 4eb1*\n  Port 6\nMatch all\n  HostKeyAlias sos\n'],
    ['a Match that does not', 'Match user root\n  Port 6\n'],
    ['switches', 'Host *\n  IdentitiesOnly yes\n  HashKnownHosts yes\n  HostKeyAlias alias\n'],
    ['a jump', 'Host sos.*\n  ProxyJump me@bastion:2200\n'],
    ['two jumps', 'Host sos.*\n  ProxyJump a,b\n'],
    ['no jump', 'Host sos.*\n  ProxyJump none\nHost *\n  ProxyJump a\n'],
    ['true for yes', 'IdentitiesOnly true\nHashKnownHosts TRUE\n'],
    ['a command before a jump', 'ProxyCommand nc %h %p\nProxyJump a\n'],
    ['a jump before a command', 'ProxyJump a\nProxyCommand nc %h %p\n'],
    ['no command before a jump', 'Host sos.*\n  ProxyCommand none\nHost *\n  ProxyJump a\n'],
    ['a file included', 'Include FOLDER/config.d/*.conf\nHost *\n  Port 9\n'],
    ['a file included for another host', 'Host other\n  Include FOLDER/config.d/*.conf\nHost *\n  Port 9\n'],
    ['a file included for this host', 'Host sos.*\n  Include FOLDER/config.d/one.conf\n  HostKeyAlias x\n'],
    ['a file that is not there', 'Include FOLDER/config.d/none.conf\nHost *\n  Port 9\n'],
  ])('as ssh -G reads them: %s', async (name, text) => {
    folder.write('config.d/one.conf', 'Host sos.*\n  Port 10\nHost other\n  HostName wrong\n')
    folder.write('config.d/two.conf', 'HostName from-two\n')
    const file = folder.write(`config ${name}`, text.replaceAll('FOLDER', folder.path))
    const judge = askSsh(file, host, user)
    const ours = comparable(await read(file))
    expect(ours).toEqual(Object.fromEntries(Object.keys(ours).map((key) => [key, judge.get(key)?.[0]])))
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

  test('a port of the command line counts before that of the file', async () => {
    const file = folder.write('port', 'Port 7\n')
    const query = { host, port: 2200, user, home: folder.path, localUser: 'me', env: {}, files: [file] }
    expect((await loadSshSettings(query)).port).toBe(2200)
  })

  test('the commands of Match exec are not run', async () => {
    const file = folder.write('exec', `Match exec "touch ${folder.path}/ran"\n  Port 7\n`)
    expect((await read(file)).port).toBe(22)
    expect(() => execFileSync('test', ['-e', join(folder.path, 'ran')])).toThrow()
  })
})
