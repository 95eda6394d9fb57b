// Commands that only print: with stdout on a full disk, they do not exit with 0; a full pipe only delays them.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'

test.each(['--help', 'run equinixmetal --help', '--version', 'completion bash', 'man'])(
  '%s to a full disk fails, and says why',
  (words) => {
    const command = `exec "$0" "$1" ${words} > /dev/full`
    const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath, program], { encoding: 'utf8' })
    expect(stderr).toContain('no space left on device')
    expect(status).toBeGreaterThan(0)
  },
)

/** Whether a process waits until it can write to its stdout. */
function waitsForStdout(pid: number): boolean {
  const folder = `/proc/${pid}/fdinfo`
  return readdirSync(folder).some((fd) => {
    try {
      return /^tfd: +1 /m.test(readFileSync(join(folder, fd), 'utf8'))
    } catch {
      return false
    }
  })
}

/** Calls a function until it fails with EAGAIN. */
function untilFull(act: () => void): void {
  try {
    for (;;) act()
  } catch (error) {
    expect(error).toMatchObject({ code: 'EAGAIN' })
  }
}

/** Replaces itself by a program whose stdout does not block; Node's own children always get one that does. */
const unblock = 'import os, sys; os.set_blocking(1, False); os.execv(sys.argv[1], sys.argv[1:])'

test.each([0, 4096])(
  '--help is complete in a non-blocking pipe with %d bytes free',
  needs('mkfifo', 'python3'),
  async (free) => {
    const folder = mkdtempSync(join(tmpdir(), 'metalkit-full-pipe-'))
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const open = () => openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const pipe = open()
    try {
      const words = [program, 'run', 'equinixmetal', '--help']
      const page = spawnSync(process.execPath, words, { encoding: 'utf8' }).stdout
      expect(page.length).toBeGreaterThan(4096)
      untilFull(() => writeSync(pipe, Buffer.alloc(4096, '.')))
      if (free > 0) readSync(pipe, Buffer.alloc(free))
      const stdout = open()
      const child = spawn('python3', ['-c', unblock, process.execPath, ...words], {
        stdio: ['ignore', stdout, 'ignore'],
      })
      closeSync(stdout)
      const ended = once(child, 'exit')
      await waitUntil(
        async () => waitsForStdout(child.pid ?? 0),
        (waits) => waits,
      )
      let read = ''
      const chunk = Buffer.alloc(65_536)
      const take = () => untilFull(() => (read += chunk.toString('utf8', 0, readSync(pipe, chunk))))
      take()
      expect(await ended).toEqual([0, null])
      take()
      expect(read.replace(/^\.+/, '')).toBe(page)
    } finally {
      closeSync(pipe)
      rmSync(folder, { recursive: true })
    }
  },
)
