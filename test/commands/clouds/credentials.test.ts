import { spawnSync } from 'node:child_process'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { InterruptedError } from '../../../src/errors.ts'
import { makeTestFolder } from '../../helpers/folder.ts'
import { start } from '../../helpers/io.ts'
import { needs } from '../../helpers/needs.ts'

const target = 'ocid1.instance.oc1..a'

test.each([
  ['run', ['run', 'oci', '-base-url', 'http://127.0.0.1:9', 'demo']],
  ['ls', ['ls']],
  ['rm', ['rm', target]],
  ['console', ['console', target]],
])('an interrupt ends %s while the file of the credentials does not answer', needs('mkfifo'), async (_, argv) => {
  const file = join(makeTestFolder(), 'config')
  expect(spawnSync('mkfifo', [file]).status).toBe(0)
  const { code, interrupt } = start(argv, { OCI_CLI_CONFIG_FILE: file })
  // Without a reader, a pipe cannot be opened this way.
  let writer: FileHandle | undefined
  await expect
    .poll(async () => {
      writer ??= await open(file, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined)
      return writer !== undefined
    })
    .toBe(true)
  try {
    interrupt(new InterruptedError('SIGINT'))
    expect(await code).toBe(130)
  } finally {
    await writer?.close()
  }
})
