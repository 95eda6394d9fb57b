import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadIdentities } from '../../src/ssh/identities.ts'
import { readKeyFile } from '../../src/ssh/key-file.ts'
import { writeString } from '../../src/ssh/wire.ts'
import { publicLineOf } from '../../src/ssh/one-key-agent.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { noKeys } from '../console/session-bench.ts'
import { createLog } from '../console/world.ts'

const rsa = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
const curve = (name: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`]

const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' })
/** ssh's own reading of a file. */
const judge = (file: string, passphrase = '') =>
  execFileSync('ssh-keygen', ['-y', '-P', passphrase, '-f', file], { encoding: 'utf8' }).split(' ', 2).join(' ').trim()
async function read(file: string, passphrase?: string): Promise<string> {
  const found = await readKeyFile(file, passphrase)
  if (found.kind !== 'key') return found.kind === 'unusable' ? found.why : found.kind
  const hash = found.key.type === 'ssh-ed25519' ? undefined : 'sha512'
  const signature: Buffer | Error = found.key.sign(Buffer.from('data'), hash)
  expect(signature).toBeInstanceOf(Buffer)
  expect(found.key.verify(Buffer.from('data'), signature, hash)).toBe(true)
  return publicLineOf(found.key)
}

describe('keys written by OpenSSL', needs('openssl', 'ssh-keygen'), () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
  })
  afterAll(() => folder[Symbol.dispose]())

  const generate = (...args: string[]) => folder.write('pkcs8', openssl('genpkey', ...args))
  const kinds: [string, string[]][] = [
    ['RSA', rsa],
    ['P-256', curve('P-256')],
    ['P-384', curve('P-384')],
    ['P-521', curve('P-521')],
    ['P-256 with its parameters', [...curve('P-256'), '-pkeyopt', 'ec_param_enc:explicit']],
    ['Ed25519', ['-algorithm', 'ED25519']],
  ]
  test.each(kinds)('PKCS#8, open and locked: %s', async (name, args) => {
    const file = generate(...args)
    // Debian 12's OpenSSH reads Ed25519 keys only in its own format.
    if (name !== 'Ed25519') expect(await read(file)).toBe(judge(file))
    const open = await read(file)
    expect(open).toMatch(/^(ssh|ecdsa)-\S+ \S+$/)
    for (const cipher of [['-v2', 'aes-256-cbc'], ['-v2', 'des3'], ['-scrypt']]) {
      const locked = folder.write(
        'locked',
        openssl('pkcs8', '-topk8', '-in', file, ...cipher, '-passout', 'pass:right'),
      )
      expect(await read(locked)).toBe('encrypted')
      expect(await read(locked, 'right')).toBe(open)
    }
  })

  test('an Ed25519 key has the public half that OpenSSL derives', async () => {
    const file = generate('-algorithm', 'ED25519')
    const der = execFileSync('openssl', ['pkey', '-in', file, '-pubout', '-outform', 'DER'])
    const [, base64 = ''] = (await read(file)).split(' ')
    expect(Buffer.from(base64, 'base64').subarray(-32)).toEqual(der.subarray(-32))
  })

  test.each([
    ['EC PARAMETERS before it', 'EC', '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'],
    ['bag attributes before it', 'PKCS8', 'Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No Attributes>\n'],
    ['a comment and an empty line before an OpenSSH key', 'OPENSSH', '# my key\n\n'],
  ])('text around the block: %s', async (_name, form, before) => {
    const file = generate(...curve('P-256'))
    const line = judge(file)
    if (form === 'OPENSSH')
      execFileSync('ssh-keygen', ['-q', '-p', '-N', '', '-P', '', '-f', file], { stdio: 'ignore' })
    const text = form === 'EC' ? openssl('ec', '-in', file) : readFileSync(file, 'utf8')
    expect(await read(folder.write('around', `${before}${text}\nmore text\n`))).toBe(line)
    expect(await read(folder.write('windows', text.replaceAll('\n', '\r\n')))).toBe(line)
  })

  test('a wrong passphrase is reported as such, whatever the bytes decrypt to', async () => {
    const file = generate(...curve('P-256'))
    const pkcs8 = folder.write(
      'locked',
      openssl('pkcs8', '-topk8', '-in', file, '-iter', '1', '-passout', 'pass:right'),
    )
    const sec1 = folder.write('sec1', openssl('ec', '-in', file, '-aes128', '-passout', 'pass:right'))
    for (let index = 0; index < 1000; index++) {
      expect(await readKeyFile(pkcs8, `w${index}`)).toEqual({ kind: 'wrong-passphrase' })
      expect(await readKeyFile(sec1, `w${index}`)).toEqual({ kind: 'wrong-passphrase' })
    }
    expect(await read(sec1, 'right')).toBe(judge(file))
  })

  const whole = 'is damaged: it does not contain a complete private key'
  test('the right passphrase for an unusable file is not reported as wrong', async () => {
    const file = generate(...curve('P-256'))
    const locked = openssl('pkcs8', '-topk8', '-in', file, '-passout', 'pass:right')
    const old = openssl(
      'pkcs8',
      '-topk8',
      '-in',
      file,
      '-v1',
      'PBE-MD5-DES',
      '-passout',
      'pass:right',
      '-provider',
      'legacy',
      '-provider',
      'default',
    )
    expect(await read(folder.write('old', old), 'right')).toBe(
      'is locked with a cipher that OpenSSL no longer supports',
    )
    expect(await read(folder.write('cut', locked.slice(0, 200)), 'right')).toBe(whole)
    expect(await read(folder.write('short', locked.replace(/\n.+\n-----END/, '\n-----END')), 'right')).toBe(whole)
    const own = join(folder.path, 'own')
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'right', '-f', own])
    expect(await read(own, 'wrong')).toBe('wrong-passphrase')
    const short = readFileSync(own, 'utf8').replace(/\n.+\n-----END/, '\n-----END')
    expect(await read(folder.write('own-short', short), 'right')).toBe(whole)
    expect(await read(folder.write('empty', '\n'))).toBe('is empty')
    expect(await read(generate(...curve('secp256k1')))).toBe('is a key of type secp256k1, which SSH does not use')
    expect(await read(generate('-algorithm', 'X25519'))).toBe('is a key of type x25519, which SSH does not use')
  })

  test('in a terminal a file that cannot be unlocked is refused for its own reason', async () => {
    const locked = openssl('pkcs8', '-topk8', '-in', generate(...curve('P-256')), '-passout', 'pass:right')
    const file = folder.write('short', locked.replace(/\n.+\n-----END/, '\n-----END'))
    const { report, text } = createLog()
    const prompter = {
      ask: async () => await Promise.resolve(''),
      askSecret: async () => await Promise.resolve('right'),
    }
    const failed = loadIdentities({ ...noKeys, named: [file], prompter, report })
    await expect(failed).rejects.toThrow(`private key "${file}" ${whole}`)
    expect(text()).toBe('')
  })
})

describe('keys in OpenSSH format', needs('ssh-keygen'), () => {
  let folder: TestFolder
  beforeAll(() => {
    folder = makeFolder()
  })
  afterAll(() => folder[Symbol.dispose]())

  test.each(['3des-cbc', 'aes128-cbc', 'aes256-ctr', 'aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'])(
    'encrypted with %s: the passphrase opens it, another does not',
    async (cipher) => {
      const file = join(folder.path, cipher)
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'right', '-Z', cipher, '-f', file])
      expect(await read(file)).toBe('encrypted')
      expect(await read(file, 'wrong')).toBe('wrong-passphrase')
      expect(await read(file, 'right')).toBe(judge(file, 'right'))
    },
  )

  test('an unsupported cipher is reported before a passphrase is asked for', async () => {
    const file = join(folder.path, 'my chacha')
    execFileSync('ssh-keygen', [
      '-q',
      '-t',
      'ed25519',
      '-N',
      'right',
      '-Z',
      'chacha20-poly1305@openssh.com',
      '-f',
      file,
    ])
    for (const passphrase of [undefined, 'right']) {
      expect(await readKeyFile(file, passphrase)).toEqual({
        kind: 'unusable',
        why: 'is encrypted with chacha20-poly1305@openssh.com, which metalkit cannot decrypt',
        hint: `encrypt it anew with ssh-keygen -p -Z aes256-ctr -f '${file}'`,
      })
    }
    execFileSync('ssh-keygen', ['-q', '-p', '-P', 'right', '-N', 'right', '-Z', 'aes256-ctr', '-f', file])
    expect(await read(file, 'right')).toBe(judge(file, 'right'))
  })

  test('a key on a security key is reported as such', async () => {
    const blob = Buffer.concat([
      writeString('sk-ssh-ed25519@openssh.com'),
      writeString(Buffer.alloc(32, 7)),
      writeString('ssh:'),
    ])
    const fields = [
      ...['none', 'none', ''].map(writeString),
      Buffer.from([0, 0, 0, 1]),
      writeString(blob),
      writeString('x'),
    ]
    const body = Buffer.concat([Buffer.from('openssh-key-v1\0'), ...fields]).toString('base64')
    const file = folder.write('sk', `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`)
    expect(await read(file)).toBe('needs a security key (sk-ssh-ed25519@openssh.com), which metalkit does not support')
  })
})
