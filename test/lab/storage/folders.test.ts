// Files in the labs' folders: a lab's own files stay, the remains of killed labs are removed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { allDisks, openDiskFolder } from '../../../src/lab/storage/disk-folder.ts'
import { openCloudFile } from '../../../src/lab/storage/state-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'metalkit-lab-folders-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('the disks of an unnamed lab are deleted with it, or if it was killed, by the next lab', async () => {
  const dead = spawn('true')
  await once(dead, 'close')
  for (const name of [`of-${dead.pid}-1`, `of-${process.pid}-1`, 'named', 'of-course']) {
    await mkdir(join(allDisks(folder), name), { recursive: true })
  }
  const own = await openDiskFolder(folder, undefined)
  await mkdir(own.path)
  expect((await readdir(allDisks(folder))).toSorted()).toEqual(
    ['named', basename(own.path), `${basename(own.path)}.lock`, 'of-course'].toSorted(),
  )
  await using beside = await openDiskFolder(folder, 'other')
  expect(beside.path).toBe(join(allDisks(folder), 'other'))
  expect(await readdir(allDisks(folder))).toContain(basename(own.path))
  await own[Symbol.asyncDispose]()
  expect((await readdir(allDisks(folder))).toSorted()).toEqual(['named', 'of-course'])
})

test('removes the unfinished file of a killed lab, and no file of another lab', async () => {
  const clouds = join(folder, 'clouds')
  await mkdir(clouds)
  for (const name of ['one.json', '.one.json.4711', 'one-two.json', '.one-two.json.12']) {
    await writeFile(join(clouds, name), '{}')
  }
  await using file = await openCloudFile(folder, 'one')
  expect(file.path).toBe(join(clouds, 'one.json'))
  expect(await readdir(clouds)).toEqual(['.one-two.json.12', 'one-two.json', 'one.json', 'one.lock'])
  expect((await stat(clouds)).mode & 0o777).toBe(0o700)
})
