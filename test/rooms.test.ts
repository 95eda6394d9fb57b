// The rules of scripts/rooms.mjs, each broken in a tree of its own.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** What the program says of a tree with these files. */
function check(files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'metalkit-rooms-'))
  try {
    for (const folder of ['src', 'test/fixtures', 'bench', 'scripts'])
      mkdirSync(join(root, folder), { recursive: true })
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    const { status, stderr } = spawnSync(process.execPath, [resolve('scripts/rooms.mjs')], {
      cwd: root,
      encoding: 'utf8',
    })
    return { status, complaints: stderr.split('\n').filter((line) => line !== '') }
  } finally {
    rmSync(root, { recursive: true })
  }
}

const imports = (path: string) => `import { a } from '${path}'\n`
const many = (folder: string) => Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`${folder}/${i}.ts`, '']))

test('imports that go down are no violation', () => {
  const tree = {
    'src/clock.ts': '',
    'src/http/caller.ts': imports('../clock.ts'),
    'src/latitude/client.ts': imports('../http/caller.ts'),
    'src/latitude/schema.ts': '',
    'src/lab/latitude/api.ts': imports('../../latitude/schema.ts'),
    'src/commands/run.ts': `await import('../latitude/client.ts')`,
  }
  expect(check(tree)).toEqual({ status: 0, complaints: [] })
})

test.each<[string, Record<string, string>, string]>([
  ['21 files in a folder of src', many('src/http'), 'src/http holds 21 files; at most 20 lie in one folder'],
  ['21 files in a folder of test', many('test/http'), 'test/http holds 21 files; at most 20 lie in one folder'],
  [
    'a cloud that imports another',
    { 'src/oci/oci.ts': imports('../latitude/client.ts') },
    'src/oci/oci.ts must not import src/latitude/client.ts',
  ],
  [
    'a lab that imports a client',
    { 'src/lab/oci/api.ts': imports('../../oci/client.ts') },
    'src/lab/oci/api.ts must not import src/oci/client.ts',
  ],
  [
    'an arrow upwards',
    { 'src/http/caller.ts': `import type {\n  A,\n} from '../machine/cloud.ts'` },
    'src/http/caller.ts must not import src/machine/cloud.ts',
  ],
  [
    'an import() upwards',
    { 'src/ssh/dial.ts': `await import('../console/session.ts')` },
    'src/ssh/dial.ts must not import src/console/session.ts',
  ],
  [
    'a folder that imports a command',
    { 'src/lab/lab.ts': imports('../commands/run.ts') },
    'src/lab/lab.ts must not import src/commands/run.ts',
  ],
  [
    'a ground floor that imports a room',
    { 'src/io.ts': imports('./http/caller.ts') },
    'src/io.ts must not import src/http/caller.ts',
  ],
  ['a folder without a row', { 'src/cloud9/client.ts': '' }, 'src/cloud9 has no row in scripts/rooms.mjs'],
  [
    'a circle between folders',
    {
      'src/serve/server.ts': imports('./files/send.ts'),
      'src/serve/files/send.ts': imports('../page.ts'),
      'src/serve/page.ts': '',
    },
    'src/serve imports folders that import it',
  ],
])('%s is a violation', (_what, tree, complaint) => {
  const { status, complaints } = check(tree)
  expect(status).toBe(1)
  expect(complaints).toContain(`rooms: ${complaint}`)
})
