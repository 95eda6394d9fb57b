// QEMU processes that a killed lab left behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'

import { endOrphans, findOwner } from '../../src/lab/machines/qemu/orphans.ts'
import { nameProcess } from '../../src/lab/storage/process-name.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { needs } from '../helpers/needs.ts'

const id = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'
const folder = mkdtempSync(join(tmpdir(), 'metalkit-orphans-'))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** A QEMU that waits, with the name and disk given. */
async function startQemu(name: string, disk: string): Promise<ChildProcess> {
  const drive = `if=none,id=d0,format=raw,discard=unmap,file=${disk}`
  const args = ['-S', '-nodefaults', '-display', 'none', '-machine', 'none', '-name', name, '-drive', drive]
  const child = spawn('qemu-system-x86_64', args, { stdio: 'ignore' })
  children.push(child)
  await once(child, 'spawn')
  await new Promise((resolve) => setTimeout(resolve, 300))
  return child
}

test(
  'only processes of an ended lab, with a disk in this folder, are killed',
  needs('qemu-system-x86_64'),
  async () => {
    const disk = (name: string) => {
      writeFileSync(join(folder, name), '')
      truncateSync(join(folder, name), 1 << 20)
      return join(folder, name)
    }
    const dead = spawn('true')
    await once(dead, 'close')
    const ownName = (await nameProcess(process.pid)).replace(' ', '.')
    const orphan = await startQemu(`metalkit-${id}@${dead.pid}.1`, disk('1.raw'))
    // This process's number with another start time: the number has been reused.
    const early = await startQemu(`metalkit-${id}@${process.pid}.1`, disk('2.raw'))
    const alive = await startQemu(`metalkit-${id}@${ownName}`, disk('3.raw'))
    const elsewhere = await startQemu(`metalkit-${id}@${dead.pid}.1`, disk('4.raw'))
    const foreign = await startQemu('web1', disk('5.raw'))
    const other = mkdtempSync(join(tmpdir(), 'metalkit-orphans-'))
    expect(await endOrphans(join(other), createRecorder())).toBe(0)
    rmSync(other, { recursive: true })
    elsewhere.kill('SIGKILL')
    await once(elsewhere, 'close')
    expect(await endOrphans(folder, createRecorder())).toBe(2)
    await expect.poll(() => [orphan.signalCode, early.signalCode]).toEqual(['SIGKILL', 'SIGKILL'])
    expect([alive, foreign].map(({ exitCode, signalCode }) => exitCode ?? signalCode)).toEqual([null, null])
  },
)

const name = `metalkit-${id}@4711.99`
const drive = 'if=none,id=d0,format=raw,discard=unmap,file=/state/disks/of-1/x.raw'
test.each<[argv: string[], owner: string | undefined]>([
  [['qemu-system-x86_64', '-name', name, '-drive', drive], '4711 99'],
  [['/usr/bin/qemu-system-aarch64', '-drive', drive, '-name', name], '4711 99'],
  [['qemu-system-x86_64', '-name', name], undefined],
  [['qemu-system-x86_64', '-drive', drive], undefined],
  [['qemu-system-x86_64', '-name', `${name},process=x`, '-drive', drive], undefined],
  [['qemu-system-x86_64', '-name', name, '-drive', drive.replace('/state/disks/', '/state/disks2/')], undefined],
  [['vim', '-name', name, '-drive', drive], undefined],
  [[''], undefined],
])('%j belongs to %j', (argv, owner) => {
  expect(findOwner(argv, '/state/disks')).toBe(owner)
})
