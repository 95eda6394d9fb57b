import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  checkReplaceable,
  createAtomicFile,
  ObstacleError,
  replaceFile,
  replaceFileSync,
} from '../../src/files/atomic-file.ts'
import { checkIdFile, IdFile } from '../../src/commands/run/id-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metalkit-atomic-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const at = (name: string) => join(folder, name)

test('an existing or missing file is replaced; no other file is left', async () => {
  await replaceFile(at('file'), 'one')
  await replaceFile(at('file'), 'two')
  expect(await readFile(at('file'), 'utf8')).toBe('two')
  expect(await readdir(folder)).toEqual(['file'])
})

test('a file is replaced synchronously, too; a failure leaves no other file', async () => {
  replaceFileSync(at('file'), Buffer.from('one'), 0o600)
  replaceFileSync(at('file'), Buffer.from('two'), 0o600)
  await mkdir(at('folder'))
  expect(() => replaceFileSync(at('folder'), Buffer.from('three'), 0o600)).toThrow('EISDIR')
  expect(await readFile(at('file'), 'utf8')).toBe('two')
  expect((await readdir(folder)).toSorted()).toEqual(['file', 'folder'])
})

test('an uncommitted file leaves no trace', async () => {
  {
    await using file = await createAtomicFile(at('file'))
    await file.handle.writeFile('half')
    expect(await readdir(folder)).toHaveLength(1)
  }
  expect(await readdir(folder)).toEqual([])
})

test('a link is replaced, and its target stays unchanged', async () => {
  await writeFile(at('victim'), 'mine')
  await symlink('victim', at('link'))
  await replaceFile(at('link'), 'text')
  expect([await readFile(at('victim'), 'utf8'), await readFile(at('link'), 'utf8')]).toEqual(['mine', 'text'])
})

test.each([
  ['a folder', () => mkdir(at('x'))],
  ['a named pipe', async () => void execFileSync('mkfifo', [at('x')])],
  ['a device', () => symlink('/dev/full', at('x'))],
  ['a folder', () => symlink('/', at('x'))],
])('%s is not replaced', async (what, make) => {
  await make()
  const before = await readlink(at('x')).catch(() => '')
  await expect(checkReplaceable(at('x'))).rejects.toThrow(ObstacleError)
  await expect(replaceFile(at('x'), 'text')).rejects.toThrow(`is ${what}`)
  await expect(checkIdFile(at('x'), new AbortController().signal)).rejects.toThrow(`cannot be written: it is ${what}`)
  expect(await readdir(folder)).toEqual(['x'])
  expect(await readlink(at('x')).catch(() => '')).toBe(before)
})

test('an id file is not written through a link at the old temporary name', async () => {
  await writeFile(at('victim'), 'mine')
  await symlink('victim', at(`id.${process.pid}.tmp`))
  {
    await using file = await IdFile.prepare(at('id'), new AbortController().signal)
    file.begin('the-id')
  }
  expect([await readFile(at('victim'), 'utf8'), await readFile(at('id'), 'utf8')]).toEqual(['mine', 'the-id\n'])
})
