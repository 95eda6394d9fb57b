import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

import { expect, onTestFinished, test } from 'vitest'

import { findProcess, nameProcess } from '../../../src/lab/storage/process-name.ts'

test('a process is found by its name, but not by another start time or an invalid name', async () => {
  const name = await nameProcess(process.pid)
  expect(await findProcess(name)).toBe(process.pid)
  for (const other of [`${process.pid} 1`, '', '0', '-1', 'x', `${name}0`])
    expect(await findProcess(other)).toBe(undefined)
})

test.skipIf(!existsSync('/proc/self/stat'))(
  'an ended process does not count as running, even before its parent has waited for it',
  async () => {
    // The shell is replaced by a program that never waits for its child.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 600'], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [line] = await once(parent.stdout, 'data')
    const pid = Number(line)
    const readState = async () => (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '')[0]
    await expect.poll(readState).toBe('Z')
    expect(await findProcess(await nameProcess(pid))).toBe(undefined)
  },
)
