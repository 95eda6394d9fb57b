import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { askOurs, askSsh, describeRefusal, type Question } from './judge.ts'
import { usualFiles } from './usual-files.ts'

type Case = [name: string, config: string, more?: Partial<Question>]

const port = (text: string, more: Partial<Question> = {}): Case => [text.trim().split('\n').join(' | '), text, more]

/** A chain of files, each of which includes the next. */
function chain(length: number): Record<string, string> {
  const names = Array.from({ length }, (_, index) => `.ssh/chain${index}`)
  return Object.fromEntries(
    names.map((name, index) => [name, index + 1 < length ? `Include chain${index + 1}\n` : 'Port 77\n']),
  )
}

const matches: Case[] = [
  port('Match all\n Port 1'),
  port('Match !all\n Port 1'),
  port('Match host sos.*\n Port 1'),
  port('Match host SOS.*\n Port 1'),
  port('Match !host sos.*\n Port 1'),
  port('Match host other,!sos.am6.example,*\n Port 1'),
  port('Match host !sos.am6.example\n Port 1'),
  port('Match !host !sos.am6.example\n Port 1'),
  port('Match host "sos.*,other"\n Port 1'),
  port('Match host=sos.*\n Port 1'),
  port('Match host = sos.*\n Port 1'),
  port('match HOST sos.* # words\n Port 1'),
  port('Match host sos.* !user root\n Port 1', { user: 'me' }),
  port('Match host sos.* !user root\n Port 1', { user: 'root' }),
  port('HostName real.example\nMatch host real.*\n Port 1\nMatch originalhost sos.*\n HostKeyAlias Sos'),
  port('HostName %h.real\nMatch host *.real\n Port 1'),
  port('HostName real.example\nMatch host sos.*\n Port 1'),
  port('HostName real.example\nHost real.*\n Port 1'),
  port('HostName real.example\nMatch final\n Port 1\nHost real.*\n Port 2'),
  port('HostName real.example\nHost real.*\n Port 2\nMatch final host real.*\n HostKeyAlias x'),
  port('Match !final\n Port 1\nMatch final\n Port 2'),
  port('Match canonical\n Port 1'),
  port('CanonicalizeHostname no\nMatch canonical all\n Port 1'),
  port('Match canonical\n Port 1\nMatch final all\n HostKeyAlias y'),
  port('User eve\nMatch user eve\n Port 1'),
  port('User eve\nMatch user eve\n Port 1', { user: 'bob' }),
  port('Match user root\n Port 1\nMatch localuser root\n HostKeyAlias y'),
  port('Match localuser nobody,!root\n Port 1'),
  port('Match !localuser nobody\n Port 1'),
  port('Match originalhost sos.am6.example host sos.* localuser *\n Port 1'),
  port('Match exec "false"\n Port 1\nMatch all\n Port 2'),
  port('Match host other exec "true"\n Port 1\nMatch all\n Port 2'),
  port('Match host sos.* all\n Port 1'),
  port('Match host sos.* user * all\n Port 1'),
  port('Match all host sos.*\n Port 1'),
  port('Match\n Port 1'),
  port('Match host\n Port 1'),
  port('Match # host\n Port 1'),
  port('Match host # x\n Port 1'),
  port('Match nothing\n Port 1'),
  port('Match nothing x\n Port 1'),
  port('Match host "sos\n Port 1'),
]

const blocks: Case[] = [
  port(''),
  port('Port 1\nPort 2'),
  port('Host *\n Port 1\nHost sos.*\n Port 2'),
  port('Host *.com !sos.*\n Port 1'),
  port('Host !sos.* *\n Port 1'),
  port('Host sos.am?.example\n Port 1'),
  port('Host SOS.am6.example\n Port 1'),
  port('Host FOO\n Port 1\nHost foo\n Port 2', { host: 'FOO' }),
  port('Host a,sos.*\n Port 1'),
  port('Host "sos.*" other\n Port 1'),
  port('Host ""\n Port 1'),
  port('Host'),
  port('Host other\nPort 1\nHost *\nPort 2'),
  port('HostName 127.1'),
  port('HostName 0x7f.1'),
  port('HostName 2001:DB8::0001'),
  port('HostName Upper.Example'),
  port('HostName %%h-%h'),
  port('Host x\n', { host: '127.1' }),
]

const words: Case[] = [
  port('port=2222'),
  port('port = 2222'),
  port('port ==2222'),
  port('=port 2222'),
  port('\t PORT\t"2222"  '),
  port('Port 2222\r\nUser eve\r\n'),
  port('Port 2222\f\nUser eve'),
  port('"Port" 2222'),
  port('"Port 2222'),
  port('Port "2222'),
  port("Port '2222'"),
  port('Port 2222 # five'),
  port('Port 2222#five'),
  port('User a#b # c'),
  port('User "a b"'),
  port("User 'a b'"),
  port('User a\\ b'),
  port('User a\\"b'),
  port('User a\\b'),
  port('User "a\\ b"'),
  port('User a\'b\'"c"'),
  port('User a b'),
  port('User ""'),
  port('User'),
  port('User='),
  port('# User eve\n   # User bob\n\n\t\n'),
  port('HostKeyAlias = "Two Words"'),
  port('IdentityFile "/keys/my key"\nIdentityFile /keys/a#b\nIdentityFile /keys/a#b\nIdentityFile ~/k'),
  port('IdentityFile none\nIdentityFile /a'),
  port('IdentityFile2 /a\nIdentityFile /b\nHost other\nIdentityFile /c'),
  port('UserKnownHostsFile ~/one "/two three" /%h\nUserKnownHostsFile /later'),
  port('UserKnownHostsFile none'),
  port('UserKnownHostsFile /a none'),
  port('GlobalKnownHostsFile ~/one /%h'),
  port('GlobalKnownHostsFile none'),
  port('UserKnownHostsFile ~daemon/x'),
  port('UserKnownHostsFile /%d/%u/%r/%n/%k/%p/%i/%l/%L/%C/%%', { user: 'eve' }),
  port('HostName real\nHostKeyAlias ALIAS\nUserKnownHostsFile /%h/%k/%n/%C\nPort 5'),
  port('UserKnownHostsFile ${SECRETS}/x', { env: { SECRETS: '/secrets' } }),
  port('IdentityAgent none'),
  port('IdentityAgent SSH_AUTH_SOCK2'),
  port('IdentityAgent "~/my agent"'),
  port('IdentityAgent ${SOCKET}.%u', { env: { SOCKET: '/run/a' } }),
  port('IdentityAgent ${NOT_THERE}'),
  port('IdentityAgent $A-B'),
  port('IdentityAgent ${OPEN'),
]

const kinds: Case[] = [
  port('IdentitiesOnly yes\nHashKnownHosts true'),
  port('IdentitiesOnly NO\nHashKnownHosts False'),
  port('IdentitiesOnly maybe'),
  port('IdentitiesOnly'),
  port('IdentitiesOnly yes no'),
  port('HashKnownHosts 1'),
  port('Port x'),
  port('Port 22\nPort 2222'),
  port('Port 0'),
  port('Port 65536'),
  port('Port -1'),
  port('Port +24'),
  port('Port 022'),
  port('Port 22.5'),
  port('Port ssh'),
  port('Port https'),
  port('Port 7', { port: 2200 }),
  port('Port 7', { port: 22 }),
  port('Host other\nPort x'),
  port('ConnectTimeout 5m\nConnectTimeout none'),
  port('ConnectTimeout soon'),
  port('ServerAliveCountMax three'),
  port('StrictHostKeyChecking accept-new\nAddressFamily inet6\nControlMaster auto\nRequestTTY force\nCompression no'),
  port('StrictHostKeyChecking perhaps'),
  port('LogLevel DEBUG3\nForwardAgent yes\nSendEnv LANG LC_*\nSetEnv A=b\nServerAliveInterval 60'),
  port('LocalForward 8080 localhost:80\nDynamicForward 1080\nControlPath ~/.ssh/%C\nControlPersist 10m'),
  port('Protocol 2\nCipher blowfish\nRSAAuthentication yes\nUseRoaming no\nGSSAPIAuthentication yes'),
  port('Nonsense yes'),
  port('IgnoreUnknown Non*,Use*\nNonsense yes\nUseKeychain2 yes\nPort 3'),
  port('IgnoreUnknown Non*\nIgnoreUnknown Other\nOther yes'),
  port('Host other\nIgnoreUnknown Non*\nHost *\nNonsense yes'),
  port('IgnoreUnknown Non*\nNonsense'),
  port('IgnoreUnknown Non*\nNonsense "x'),
  port('Port 1\n\n\nNonsense a\nPort x'),
  port('\ufeffPort 1'),
]

const proxies: Case[] = [
  port('ProxyJump a'),
  port('ProxyJump me@a:2200'),
  port('ProxyJump a,me@b,c:99'),
  port('ProxyJump ssh://me@a:2200'),
  port('ProxyJump [2001:db8::1]:99'),
  port('ProxyJump 192.0.2.1'),
  port('ProxyJump a # b'),
  port('ProxyJump none\nProxyJump a'),
  port('ProxyJump NONE # b'),
  port('ProxyJump a\nProxyCommand nc %h %p'),
  port('ProxyJump none\nProxyCommand nc %h %p'),
  port('ProxyCommand nc %h %p\nProxyJump a'),
  port('ProxyCommand none\nProxyJump a'),
  port('ProxyCommand=nc "%h" # %p\nPort 5'),
  port('Host other\nProxyJump a\nHost *\nProxyCommand b'),
  port('ProxyJump a:b:c'),
  port('ProxyJump a:0'),
  port('ProxyJump @a'),
  port('ProxyJump a,,b'),
  port('ProxyJump ssh://a/path'),
  port('ProxyJump ssh://[2001:db8::5]:22'),
  port('ProxyJump a,ssh://me@[2001:db8::5]'),
  port('ProxyJump ssh://[a]:22'),
  port('ProxyJump ssh://a..b'),
  port('ProxyJump ssh://-a'),
  port('ProxyJump ssh://a-b_c.example.com./'),
  port('ProxyJump ssh://a%62'),
  port('ProxyJump'),
  port('Host other\nProxyJump @a'),
]

const files = {
  '.ssh/one': 'Port 10\nHost other\nHostName wrong\n',
  '.ssh/two': 'HostName from-two\n',
  '.ssh/config.d/10-a/x.conf': 'User ten\n',
  '.ssh/config.d/20-b/x.conf': 'User twenty\nPort 20\n',
  '.ssh/config.d/20-b/.hidden.conf': 'HostKeyAlias hidden\n',
  '.ssh/config.d/20-b/y z.conf': 'HostKeyAlias space\n',
  '.ssh/bad': 'Port 1\nPort x\n',
  '.ssh/loop': 'Include loop\n',
  '.ssh-old/config': 'Port 30\n',
  '.ssh-old/more': 'Port 31\nInclude one\n',
  'elsewhere/inner': 'Include one\n',
  '.ssh/unknown': 'Nonsense yes\n',
  '.ssh/match': 'Match host nothing\nPort 40\n',
}
const included: Case[] = [
  port('Include one', { files }),
  port('Include one two', { files }),
  port('Include "one" \'two\'', { files }),
  port('Include=one', { files }),
  port('Include missing\nPort 5', { files }),
  port('Include config.d/*/x.conf', { files }),
  port('Include config.d/[12]0-?/x.conf', { files }),
  port('Include config.d/[!1]0-?/*.conf', { files }),
  port('Include config.d/2*/y*', { files }),
  port('Include config.d/*/.h*', { files }),
  port('Include "config.d/20-b/y z.conf"', { files }),
  port('Include config.d/20-b/y\\ z.conf', { files }),
  port('Include conf*.d/*/x.conf ~/.ssh/one', { files }),
  port('Include ~/.ssh-old/config\nPort 5', { files }),
  port('Include ~/.ssh-old/more\nPort 5', { files }),
  port('Include ~/elsewhere/inner', { files }),
  port('Include ~nobody-at-all/x\nPort 6', { files }),
  port('Include config.d\nPort 5', { files }),
  port('Include ""', { files }),
  port('Include', { files }),
  port('Include bad', { files }),
  port('Host other\nInclude bad', { files }),
  port('Host other\nInclude one\nPort 5', { files }),
  port('Host sos.*\nInclude one\nHostKeyAlias x', { files }),
  port('Host sos.*\nInclude match\nHostKeyAlias x', { files }),
  port('Host other\nInclude match one\nHostKeyAlias x', { files }),
  port('IgnoreUnknown Non*\nInclude unknown\nPort 9', { files }),
  port('Host other\nInclude unknown', { files }),
  port('Include dangling', { files }),
  port('Include dangl*'),
  port('Include dangl*\nPort x'),
  port('Host other\nInclude dangling'),
  port('Include chain0', { files: chain(15) }),
  port('Include chain0 # 16', { files: chain(16) }),
]

const usual = Object.entries(usualFiles).flatMap(([name, { hosts, ...file }]) =>
  hosts.map((host): Case => [`${name}: ${host}`, file.config, { ...file, host }]),
)

describe('ssh_config as ssh -G reads it', needs('ssh'), () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
    mkdirSync(join(folder.path, '.ssh'))
    symlinkSync('nowhere', join(folder.path, '.ssh', 'dangling'))
  })
  afterAll(() => folder[Symbol.dispose]())

  const all = { matches, blocks, words, kinds, proxies, included, usual }
  describe.each(Object.entries(all))('%s', (_group, cases) => {
    test.each(cases)('%s', async (_name, config, more = {}) => {
      const question = { home: folder.path, config, ...more }
      expect(await askOurs(question)).toEqual(askSsh(question))
    })
  })

  // ssh names no line for these; ours has one.
  test.each([
    ['files that include each other', 'Include loop', '.ssh/loop" line 1: Include goes deeper than 16 files'],
    ['a chain of 17 files', 'Include chain0', '.ssh/chain15" line 1: Include goes deeper than 16 files'],
    [
      'an unknown user',
      '\nUserKnownHostsFile ~nobody-at-all/x',
      '.ssh/config" line 2: "~nobody-at-all/x" names an unknown user',
    ],
    ['an unknown token', 'UserKnownHostsFile /%z', '.ssh/config" line 1: "/%z" has the unknown token "%z"'],
    [
      'an unknown token of HostName',
      'HostName %n.x',
      '.ssh/config" line 1: HostName "%n.x" has the unknown token "%n"',
    ],
    [
      'an unset variable',
      'UserKnownHostsFile ${NOT_THERE}',
      '.ssh/config" line 1: "${NOT_THERE}" names the variable "NOT_THERE"',
    ],
    [
      'an open variable',
      'UserKnownHostsFile ${NOT',
      '.ssh/config" line 1: "${NOT" has a variable without its closing brace',
    ],
  ])('ssh stops, and so do we: %s', async (_name, config, reason) => {
    const question = { home: folder.path, config, files: { ...files, ...chain(17) } }
    expect(askSsh(question)).toEqual({ refused: 'without a line' })
    expect(await describeRefusal(question)).toContain(reason)
  })
})
