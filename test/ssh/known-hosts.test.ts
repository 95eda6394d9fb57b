import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fingerprintOf, keyTypeOf } from '../../src/ssh/host-key.ts'
import { hashName, KnownHosts, loadKnownHosts, parseKnownHosts, type Verdict } from '../../src/ssh/known-hosts.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { makeKey, type TestKey, writeSshdConfig } from '../helpers/sshd.ts'
import { askSsh as askSshAbout } from './host-judges.ts'

describe('known_hosts, compared with OpenSSH', needs('sshd', 'ssh', 'ssh-keygen'), () => {
  let folder: TestFolder
  /** The host's key, another key of the same type, and a key of another type. */
  let shown: TestKey, other: TestKey, rsa: TestKey
  let config: string

  beforeAll(() => {
    folder = makeFolder()
    shown = makeKey(folder.path, 'shown', 'ed25519')
    other = makeKey(folder.path, 'other', 'ed25519')
    rsa = makeKey(folder.path, 'rsa', 'rsa')
    config = writeSshdConfig(folder, 'sshd_config', { hostKeys: [shown] })
  })
  afterAll(() => folder[Symbol.dispose]())

  const askSsh = async (file: string, host: string, port: number) =>
    await askSshAbout({ config, files: [file], host, port })

  /** SHOWN, OTHER and RSA stand for keys. */
  function fill(lines: string): string {
    return lines
      .replaceAll('SHOWN-BLOB', shown.base64)
      .replaceAll('OTHER-BLOB', other.base64)
      .replaceAll('SHOWN', shown.line)
      .replaceAll('OTHER', other.line)
      .replaceAll('RSA', rsa.line)
  }

  test.concurrent.each<[name: string, lines: string, kind: Verdict['kind'], host?: string, port?: number]>([
    ['the key', 'a.example SHOWN', 'trusted'],
    ['nothing', '', 'unknown'],
    ['another host', 'b.example SHOWN', 'unknown'],
    ['another key of the type', 'a.example OTHER', 'changed'],
    ['another type only', 'a.example RSA', 'changed'],
    ['another type and the key', 'a.example RSA\na.example SHOWN', 'trusted'],
    ['two other keys: the last is named', '# mine\na.example OTHER\na.example RSA', 'changed'],
    ['the key after another', 'a.example OTHER\na.example SHOWN', 'trusted'],
    ['a list', 'b.example,a.example,10.0.0.1 SHOWN', 'trusted'],
    ['a list with holes', ',,a.example, SHOWN', 'trusted'],
    ['star', '*.example SHOWN', 'trusted'],
    ['stars', '*a*.*x*ple SHOWN', 'trusted'],
    ['a star that does not match', '*.exampl SHOWN', 'unknown'],
    ['question mark', '?.exampl? SHOWN', 'trusted'],
    ['question mark is one', 'a?.example SHOWN', 'unknown'],
    ['brackets are not a pattern', '[ab].example SHOWN', 'unknown'],
    ['negation wins', '*.example,!a.example SHOWN', 'unknown'],
    ['negation first', '!a.example,*.example SHOWN', 'unknown'],
    ['negation of another', '!b.example,*.example SHOWN', 'trusted'],
    ['negation alone', '!b.example SHOWN', 'unknown'],
    ['capitals in the file', 'A.Example SHOWN', 'trusted'],
    ['capitals asked for', 'a.example SHOWN', 'trusted', 'A.EXAMPLE'],
    ['port', '[a.example]:2222 SHOWN', 'trusted', 'a.example', 2222],
    ['port, wildcard', '[*.example]:2222 SHOWN', 'trusted', 'a.example', 2222],
    ['port in capitals', '[A.example]:2222 SHOWN', 'trusted', 'a.example', 2222],
    ['another port', '[a.example]:2223 SHOWN', 'unknown', 'a.example', 2222],
    ['a port is not 22', '[a.example]:2222 SHOWN', 'unknown'],
    ['port 22 is omitted', '[a.example]:22 SHOWN', 'unknown'],
    ['the bare name serves any port', 'a.example SHOWN', 'trusted', 'a.example', 2222],
    ['the bare name does not accuse', 'a.example OTHER', 'unknown', 'a.example', 2222],
    ['but revokes', '@revoked a.example SHOWN', 'revoked', 'a.example', 2222],
    ['a port that changed', '[a.example]:2222 OTHER\na.example SHOWN', 'changed', 'a.example', 2222],
    ['an address', '2001:db8::1 SHOWN', 'trusted', '2001:db8::1'],
    ['an address and a port', '[2001:db8::1]:2222 SHOWN', 'trusted', '2001:db8::1', 2222],
    ['revoked', 'a.example SHOWN\n@revoked a.example SHOWN', 'revoked'],
    ['revoked everywhere', '@revoked * SHOWN\na.example SHOWN', 'revoked'],
    ['another key revoked', '@revoked a.example OTHER\na.example SHOWN', 'trusted'],
    ['only another key revoked', '@revoked a.example OTHER', 'unknown'],
    ['revoked for another host', '@revoked b.example SHOWN\na.example SHOWN', 'trusted'],
    ['a marker ends at a space', '@revoked\ta.example SHOWN\na.example SHOWN', 'trusted'],
    ['an authority is not a host key', '@cert-authority a.example SHOWN', 'unknown'],
    ['another authority does not accuse', '@cert-authority *.example OTHER', 'unknown'],
    ['an authority beside the key', '@cert-authority * OTHER\na.example SHOWN', 'trusted'],
    ['an unknown marker', '@trusted a.example SHOWN', 'unknown'],
    ['two markers', '@revoked @revoked a.example SHOWN\na.example SHOWN', 'trusted'],
    ['a bare marker', '@revoked\n@cert-authority \na.example SHOWN', 'trusted'],
    ['comments and blank lines', '# a.example OTHER\n\n  \t\n  # x\na.example SHOWN # mine', 'trusted'],
    ['spaces and tabs', ' \t a.example \t SHOWN', 'trusted'],
    ['CRLF', 'b.example OTHER\r\na.example SHOWN\r\n', 'trusted'],
    ['CRLF and a comment', 'a.example SHOWN me\r\n', 'trusted'],
    ['no newline at the end', 'a.example SHOWN', 'trusted'],
    ['no key', 'a.example\na.example ssh-ed25519\na.example SHOWN', 'trusted'],
    ['invalid base64', 'a.example ssh-ed25519 AAAA!!!!\na.example SHOWN', 'trusted'],
    ['a key whose type differs from the stated one', 'a.example ssh-rsa OTHER-BLOB', 'unknown'],
    ['a truncated key', 'a.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==', 'unknown'],
    ['an unknown type', 'a.example ssh-better OTHER-BLOB', 'unknown'],
    ['a short name of a type', 'a.example ed25519 SHOWN-BLOB', 'unknown'],
    ['the format of SSH 1', 'a.example 1024 35 1234567890', 'unknown'],
    ['a short hash', '|1|AAAA|AAAA SHOWN', 'unknown'],
    ['a hash of another kind', '|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= SHOWN', 'unknown'],
  ])('%s', async (name, lines, kind, host = 'a.example', port = 22) => {
    const file = folder.write(`plain ${name}`, fill(lines))
    const ours = (await loadKnownHosts([file])).judge({ host, port }, shown.blob)
    const theirs = await askSsh(file, host, port)
    expect(theirs.kind).toBe(kind)
    // For a revoked key ssh does not name the line.
    expect(ours).toEqual(theirs.kind === 'revoked' ? { ...theirs, file, line: expect.any(Number) } : theirs)
  })

  test.concurrent.each<[name: string, lines: string, kind: Verdict['kind'], host?: string, port?: number]>([
    ['a name', 'a.example SHOWN', 'trusted'],
    ['capitals asked for', 'a.example SHOWN', 'trusted', 'A.Example'],
    ['a list becomes lines', 'b.example,a.example SHOWN', 'trusted'],
    ['a port', '[a.example]:2222 SHOWN', 'trusted', 'a.example', 2222],
    ['another key', 'b.example SHOWN\na.example OTHER', 'changed'],
    ['another host', 'b.example SHOWN', 'unknown'],
    ['revoked', 'a.example SHOWN\n@revoked a.example SHOWN', 'revoked'],
  ])('hashed by ssh-keygen -H: %s', async (name, lines, kind, host = 'a.example', port = 22) => {
    const file = folder.write(`hashed ${name}`, `${fill(lines)}\n`)
    spawnSync('ssh-keygen', ['-H', '-f', file])
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/)
    const theirs = await askSsh(file, host, port)
    expect(theirs.kind).toBe(kind)
    const ours = (await loadKnownHosts([file])).judge({ host, port }, shown.blob)
    expect(ours).toEqual(theirs.kind === 'revoked' ? { ...theirs, file, line: expect.any(Number) } : theirs)
  })

  test.each([
    [20, 'trusted'],
    [19, 'unknown'],
    [21, 'unknown'],
  ])('a hash with a salt of %i bytes', async (length, kind) => {
    const hosts = hashName('a.example', Buffer.alloc(length, 7))
    const file = folder.write(`salt-${length}`, `${hosts} ${shown.line}\n`)
    expect(await askSsh(file, 'a.example', 22)).toEqual({ kind })
    expect((await loadKnownHosts([file])).judge({ host: 'a.example', port: 22 }, shown.blob)).toEqual({ kind })
  })

  test('finds the lines that ssh-keygen -F finds', () => {
    const hosts = fc.constantFrom(
      'a.example',
      '*.example',
      '!a.example',
      'b?example',
      '[a.example]:2222',
      '*',
      '|1|x|y',
      '',
      'A.Example',
    )
    const line = fc
      .tuple(
        fc.constantFrom('', '', '', ' ', '\t', '#', '@revoked ', '@cert-authority ', '@revoked\t', '@x '),
        fc.array(hosts, { maxLength: 3 }).map((names) => names.join(',')),
        fc.constantFrom(' ', '\t', '  ', ''),
        fc.constantFrom(shown.line, other.line, rsa.line, 'ssh-ed25519', `ssh-rsa ${other.base64}`, '#'),
        fc.constantFrom('', ' comment', '\r', ' \r', '\t#'),
      )
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), fc.constantFrom(22, 2222), (lines, port) => {
        const text = lines.join('\n')
        const file = folder.write('found', text)
        const name = port === 22 ? 'a.example' : `[a.example]:${port}`
        const { stdout } = spawnSync('ssh-keygen', ['-l', '-F', name, '-f', file], { encoding: 'utf8' })
        const theirs = [...stdout.matchAll(/^# Host .* found: line (\d+) ?(\w*)/gm)].map(
          ([, number, marker]) => `${number} ${marker}`,
        )
        const ours = new KnownHosts([file], parseKnownHosts(text, file))
          .entriesFor({ host: 'a.example', port })
          .map((entry) => `${entry.line} ${{ none: '', revoked: 'REVOKED', 'cert-authority': 'CA' }[entry.marker]}`)
        expect(ours).toEqual(theirs)
      }),
      { numRuns: 150 },
    )
  })

  test('prints fingerprints as ssh-keygen does', () => {
    for (const key of [shown, rsa]) {
      const { stdout } = spawnSync('ssh-keygen', ['-l', '-f', `${key.file}.pub`], { encoding: 'utf8' })
      expect(stdout.split(' ')[1]).toBe(fingerprintOf(key.blob))
      expect(keyTypeOf(key.blob)).toBe(key.line.split(' ')[0])
    }
  })

  test('several files are combined, and a missing file counts as empty', async () => {
    const first = folder.write('first', fill('a.example OTHER\n'))
    const second = folder.write('second', fill('\na.example SHOWN\n'))
    const place = { host: 'a.example', port: 22 }
    const both = await loadKnownHosts([first, `${folder.path}/missing`, `${first}/below`, second])
    expect(both.judge(place, shown.blob)).toEqual({ kind: 'trusted' })
    expect(both.judge(place, rsa.blob)).toEqual({ kind: 'changed', file: second, line: 2 })
  })

  test('a file that cannot be read is an error', async () => {
    await expect(loadKnownHosts([folder.path])).rejects.toMatchObject({
      message: `known hosts file "${folder.path}" cannot be read: it is a folder`,
      hint: 'make it a readable file, or name another with --known-hosts',
    })
  })

  test('the known key types of a host, in the order that ssh prefers; on another port the bare name is known but not preferred', async () => {
    const file = folder.write(
      'types',
      fill(
        '[a.example]:2222 RSA\na.example SHOWN\na.example OTHER\n@revoked c.example RSA\nd.example RSA\nd.example SHOWN\n',
      ),
    )
    const known = await loadKnownHosts([file])
    expect(known.keyTypesFor({ host: 'a.example', port: 2222 })).toEqual(['ssh-rsa'])
    expect(known.keyTypesFor({ host: 'A.example', port: 22 })).toEqual(['ssh-ed25519'])
    expect(known.keyTypesFor({ host: 'a.example', port: 2223 })).toEqual([])
    expect(known.keyTypesFor({ host: 'd.example', port: 22 })).toEqual(['ssh-ed25519', 'ssh-rsa'])
    expect(known.knows({ host: 'c.example', port: 22 })).toBe(false)
    expect(known.knows({ host: 'a.example', port: 2223 })).toBe(true)
    expect(known.keyTypesFor({ host: 'b.example', port: 22 })).toEqual([])
  })
})

test('any text is parsed without an error', () => {
  const word = fc.constantFrom(
    '@revoked',
    '@cert-authority',
    '@',
    '|1|',
    '|',
    ' ',
    '\t',
    '\n',
    '\r',
    'ssh-rsa',
    'AAAA',
    '*',
    '!',
    ',',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 40 }), (words) => {
      const known = new KnownHosts([], parseKnownHosts(words.join(''), 'f'))
      known.judge({ host: 'a', port: 1 }, Buffer.alloc(0))
    }),
  )
})

test('a pathological pattern is matched in time: backtracking would take years', () => {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  const known = new KnownHosts([], parseKnownHosts(`${'*a'.repeat(400)}b ${key}`, 'f'))
  expect(known.knows({ host: 'a'.repeat(5000), port: 22 })).toBe(false)
})
