import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { StagedFile } from '../../src/publish/staged-file.ts'
import { makeFolder } from '../image/folder.ts'

async function* bytes() {
  yield Buffer.alloc(32e6)
}

test('what the disk could not take while more was written is told of, though the sync at the end went well', async () => {
  const folder = await makeFolder()
  const handle = await open(join(folder, 'temporary'), 'wx')
  handle.datasync = () => Promise.reject(Object.assign(new Error('no'), { code: 'EIO' }))
  await using file = new StagedFile(join(folder, 'file'), join(folder, 'temporary'), handle)
  await expect(file.write(bytes(), new AbortController().signal)).rejects.toMatchObject({
    name: 'PublishError',
    message: `"${join(folder, 'file')}" cannot be written (EIO)`,
  })
})
