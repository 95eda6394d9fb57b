// QEMU's report about itself is cached, and requested again if something has changed.
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'

import { recallQemu } from '../../../src/lab/machines/qemu/look.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-look-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const program = join(folder, 'qemu-system-x86_64')
const calls = join(folder, 'calls')
const kept = join(folder, 'qemu.json')

/** Installs a QEMU that counts its calls. */
function install(version: string): void {
  const script = `#!/bin/sh\necho "$*" >>'${calls}'\ncase $1 in -L) echo /firmware ;; *) echo '${version}' ;; esac\n`
  writeFileSync(program, script, { mode: 0o755 })
}

function countCalls(): number {
  return readFileSync(calls, 'utf8').split('\n').length - 1
}

beforeEach(() => {
  rmSync(kept, { force: true })
  writeFileSync(calls, '')
  install('QEMU 7')
})

test('the second lab starts no QEMU to ask it', async () => {
  const look = { folders: ['/firmware'], version: 'QEMU 7' }
  expect(await recallQemu(program, folder)).toEqual(look)
  expect(countCalls()).toBe(2)
  expect(await recallQemu(program, folder)).toMatchObject(look)
  expect(countCalls()).toBe(2)
})

test('another QEMU in its place is asked', async () => {
  await recallQemu(program, folder)
  rmSync(program)
  install('QEMU 8')
  expect(await recallQemu(program, folder)).toMatchObject({ version: 'QEMU 8' })
  expect(countCalls()).toBe(4)
})

test.each(['', '{', 'null', '{"conditions":1}'])('a kept answer that is damaged (%j) is not used', async (text) => {
  await recallQemu(program, folder)
  writeFileSync(kept, text)
  expect(await recallQemu(program, folder)).toMatchObject({ version: 'QEMU 7' })
  expect(countCalls()).toBe(4)
})

test('an answer of another form, or from before the last boot, is not used', async () => {
  await recallQemu(program, folder)
  const answer: { conditions: string } = JSON.parse(readFileSync(kept, 'utf8'))
  writeFileSync(kept, JSON.stringify({ ...answer, folders: 'none' }))
  await recallQemu(program, folder)
  expect(countCalls()).toBe(4)
  writeFileSync(kept, JSON.stringify({ ...answer, conditions: `x${answer.conditions}` }))
  await recallQemu(program, folder)
  expect(countCalls()).toBe(6)
})

test('a QEMU that does not start is an error, and nothing is kept', async () => {
  appendFileSync(program, 'exit 1\n')
  await expect(recallQemu(program, folder)).rejects.toThrow('Command failed')
  await expect(recallQemu(join(folder, 'missing'), folder)).rejects.toThrow('ENOENT')
  expect(() => readFileSync(kept)).toThrow('ENOENT')
})
