import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFolder } from '../../src/files/make-folder.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metalkit-make-folder-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('parents are created too, all with the mode, and repeating is harmless', async () => {
  const path = join(folder, 'a/b/c')
  await Promise.all([makeFolder(path, 0o700), makeFolder(path, 0o700)])
  await makeFolder(path)
  for (const each of ['a', 'a/b', 'a/b/c']) expect(statSync(join(folder, each)).mode & 0o777).toBe(0o700)
})

test('a file in the way is an error', async () => {
  writeFileSync(join(folder, 'file'), '')
  await expect(makeFolder(join(folder, 'file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test('it gives up if the system refuses to create folders', async () => {
  await expect(makeFolder('/proc/metalkit/below')).rejects.toMatchObject({ code: 'ENOENT' })
})
