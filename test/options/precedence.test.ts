// Messages about missing or invalid values; the table of all flags is in test/options.test.ts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { normaliseArgs } from '../../src/options/arguments.ts'
import { flags } from '../../src/options/flags.ts'
import { requireOption, resolveOptions } from '../../src/options/precedence.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metalkit-precedence-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A configuration file with a text. @returns its path */
async function config(name: string, text: string): Promise<string> {
  const path = join(folder, `${name}.yaml`)
  await writeFile(path, text)
  return path
}

describe('the refusal of a configuration file', () => {
  test.each([
    ['token: [', 'is not YAML', 'it holds lines such as "token: ..." and "project-id: ..."'],
    ['- token', 'the document is not valid', 'token and project-id are strings'],
    ['just words', 'the document is not valid', 'token and project-id are strings'],
    ['project-id: 5', 'project-id is not valid', 'token and project-id are strings'],
  ])('with the text %j', async (text, why, hint) => {
    const METAL_CONFIG = await config('refused', text)
    await expect(resolveOptions(['apiKey'], {}, { METAL_CONFIG })).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(why),
      hint,
    })
  })

  test('that is named but missing, or is a folder', async () => {
    const named = resolveOptions(['apiKey'], {}, { METAL_CONFIG: join(folder, 'none') })
    await expect(named).rejects.toMatchObject({ hint: 'METAL_CONFIG names it; correct or unset it' })
    const { mkdir } = await import('node:fs/promises')
    await mkdir(join(folder, 'home/.config/equinix/metal.yaml'), { recursive: true })
    const found = resolveOptions(['apiKey'], {}, { HOME: join(folder, 'home') })
    await expect(found).rejects.toMatchObject({
      message: expect.stringMatching(/metal\.yaml" cannot be read: it is a folder$/),
      hint: 'correct its permissions',
    })
  })

  test('an unreadable file does not matter if no value is needed from it', async () => {
    const METAL_CONFIG = await config('unread', 'token: [')
    expect(await resolveOptions(['metro', 'imgName'], {}, { METAL_CONFIG })).toEqual({})
    expect(await resolveOptions(['apiKey'], { apiKey: 't' }, { METAL_CONFIG })).toEqual({ apiKey: 't' })
  })
})

describe('a value of metal.yaml', () => {
  test.each([['token: ""'], [''], ['# token: a'], ['other: a']])('that is missing: %j', async (text) => {
    const METAL_CONFIG = await config('empty', text)
    expect(await resolveOptions(['apiKey'], {}, { METAL_CONFIG })).toEqual({ apiKey: undefined })
  })

  test('that is invalid is reported with its key and file, and a secret is not quoted', async () => {
    const METAL_CONFIG = await config('secret', 'token: "a b"')
    await expect(resolveOptions(['apiKey'], {}, { METAL_CONFIG })).rejects.toMatchObject({
      message: `token in ${METAL_CONFIG} contains characters that no token has`,
      hint: 'copy it again',
    })
  })
})

test('a refusal has the hint of its parser', async () => {
  await expect(resolveOptions(['arch'], { arch: 'arm' }, {})).rejects.toMatchObject({
    hint: 'choose one of x86_64, aarch64',
  })
})

test('the last of two values wins', async () => {
  expect(await resolveOptions(['metro'], { metro: ['ny', 'da'] }, { METAL_METRO: 'am' })).toEqual({ metro: 'da' })
})

describe('required values', () => {
  test('are returned', () => {
    expect([requireOption('imgName', 'a'), requireOption('keep', false), requireOption('verbose', 0)]).toEqual([
      'a',
      false,
      0,
    ])
  })

  test.each([undefined, null, ''])('must not be %j', (given) => {
    expect(() => requireOption('baseUrl', given)).toThrow(
      expect.objectContaining({
        name: 'UsageError',
        message: 'no base-url is given',
        hint: 'set --base-url or METAL_BASE_URL (URL that machines fetch kernel, initrd and iPXE script from)',
      }),
    )
  })

  test('name their key in metal.yaml', () => {
    expect(() => requireOption('projectId', undefined)).toThrow(
      expect.objectContaining({
        hint: `set --project-id or METAL_PROJECT_ID or project-id in metal.yaml (${flags.projectId.help})`,
      }),
    )
  })
})

test.each([
  [
    ['a-serve', 'b'],
    ['a-serve', 'b'],
  ],
  [['x--keep'], ['x--keep']],
  [['-serve=a\nb'], ['--serve=a\nb']],
  [['--=x'], ['--=x']],
  [['a-vv'], ['a-vv']],
  [['-vvx'], ['--vvx']],
  [['-vvv'], ['--verbose=3']],
  [['-v-v'], ['--v-v']],
  [['--metor-x'], ['--metor-x']],
  [['--no-such=a--b'], ['--no-such=a--b']],
  [
    ['-v', 'x', '--', '-q', '--', '-v'],
    ['--verbose=+1', 'x', '--', '-q', '--', '-v'],
  ],
])('%j is read as %j', (argv, normal) => {
  expect(normaliseArgs(argv)).toEqual(normal)
})
