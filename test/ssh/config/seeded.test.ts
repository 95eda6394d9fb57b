import { array, assert, asyncProperty, constantFrom, oneof, tuple } from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../../helpers/folder.ts'
import { askOurs, askSsh } from './judge.ts'

const name = constantFrom(
  'sos.am6.example',
  'sos.*',
  '*',
  'other',
  '!other',
  '!sos.*',
  '?os*',
  'real.*',
  'SOS.*',
  '"a b"',
)
const list = array(name, { minLength: 1, maxLength: 3 })
const user = constantFrom('eve', 'root', '*', '!eve', 'e*,!eve', 'bob,root')
const not = constantFrom('', '', '!')
const condition = oneof(
  tuple(not, constantFrom('host', 'originalhost'), list).map(([no, key, names]) => `${no}${key} ${names.join(',')}`),
  tuple(not, constantFrom('user', 'localuser'), user).map(([no, key, names]) => `${no}${key} ${names}`),
  tuple(not, constantFrom('final', 'canonical', 'all')).map(([no, key]) => no + key),
)
const value = constantFrom(
  'x',
  '"x y"',
  "'x'",
  'x\\ y',
  'x#y',
  'x # y',
  '"',
  '',
  'none',
  '%h',
  '%%',
  'a\\\\b',
  '"#"',
  'yes',
  '22',
)
const option = oneof(
  constantFrom('HostName', 'HostKeyAlias', 'User', 'IdentityFile').chain((key) =>
    value.map((word) => `${key} ${word}`),
  ),
  constantFrom('HostName real.example', 'HostName %h.real', 'User eve', 'Port 2', 'Port=3', 'Port "4"', 'Port x'),
  constantFrom('ProxyJump a', 'ProxyJump none', 'ProxyCommand b # c', 'ProxyCommand none', 'ProxyJump a,b:9'),
  constantFrom('IdentitiesOnly yes', 'IdentitiesOnly=no', 'HashKnownHosts true', 'UserKnownHostsFile /a "/b c"'),
  constantFrom('Include one', 'Include ~/.ssh/t*', 'Include one two', 'IgnoreUnknown Foo', 'Foo bar', '', '# x'),
)
const space = constantFrom('', ' ', '\t', '  ')
const line = oneof(
  { weight: 4, arbitrary: tuple(space, option, space).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: list.map((names) => `Host ${names.join(' ')}`) },
  { weight: 2, arbitrary: array(condition, { minLength: 1, maxLength: 3 }).map((all) => `Match ${all.join(' ')}`) },
)
const config = array(line, { minLength: 1, maxLength: 8 }).map((lines) => lines.join('\n'))

describe('random files', needs('ssh'), () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
  })
  afterAll(() => folder[Symbol.dispose]())

  test('200 of them are read as ssh -G reads them', { timeout: 120_000 }, async () => {
    const property = asyncProperty(config, config, config, async (text, one, two) => {
      const question = {
        home: folder.path,
        config: text,
        files: { '.ssh/one': one.replaceAll('Include', '#'), '.ssh/two': two.replaceAll('Include', '#') },
      }
      expect(await askOurs(question)).toEqual(askSsh(question))
    })
    await assert(property, { numRuns: 200, seed: 19, endOnFailure: true })
  })
})
