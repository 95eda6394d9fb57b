import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createAtomicFile } from '../../src/files/atomic-file.ts'
import { StagedFile } from '../../src/publish/staged-file.ts'
import { makeTestFolder } from '../helpers/folder.ts'

async function* bytes() {
  yield Buffer.alloc(32e6)
}

test('an earlier write error of the disk is reported even if the final sync succeeds', async () => {
  const folder = makeTestFolder()
  const atomic = await createAtomicFile(join(folder, 'file'))
  atomic.handle.datasync = () => Promise.reject(Object.assign(new Error('no'), { code: 'EIO' }))
  await using file = new StagedFile(atomic)
  await expect(file.write(bytes(), new AbortController().signal)).rejects.toMatchObject({
    name: 'PublishError',
    message: `"${join(folder, 'file')}" cannot be written: i/o error`,
  })
})
