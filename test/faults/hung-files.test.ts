// An image on a file system whose server stops: a stopped bindfs stands for an NFS server that is away.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeImage } from '../helpers/image.ts'
import { startTestLab, waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { findFreePort } from '../helpers/port.ts'
import { startChild } from './children.ts'
import { judge, machinesIn } from './world.ts'

const fuse = 0x65735546
let folder: string
let fileServer: ChildProcess
let prefix: string

describe('an image on a file system that hangs', { ...needs('bindfs', 'fusermount', 'ps'), timeout: 60_000 }, () => {
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'metalkit-hung-'))
    await using image = await makeImage()
    await cp(dirname(image.prefix), join(folder, 'real'), { recursive: true })
    const mount = join(folder, 'mount')
    await mkdir(mount)
    fileServer = spawn('bindfs', ['-f', join(folder, 'real'), mount], { stdio: 'inherit' })
    await waitUntil(
      () => statfs(mount),
      ({ type }) => type === fuse,
      10_000,
    )
    prefix = join(mount, basename(image.prefix))
  })
  afterEach(async () => {
    fileServer.kill('SIGCONT')
    spawnSync('fusermount', ['-u', '-z', join(folder, 'mount')])
    if (fileServer.exitCode === null) await once(fileServer, 'exit')
    await rm(folder, { recursive: true })
  })

  test.each([
    ['SIGTERM', [], 143],
    ['--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
    ['the pattern', ['-wait-for', 'machine is up'], 0],
  ] as const)('%s ends the run', async (end, args, code) => {
    // The machine asks for the image when nothing can be read from there any more.
    await using lab = await startTestLab({ pace: { queuedMs: 2000 } })
    const port = await findFreePort()
    const serving = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
    using child = startChild(lab, ['run', 'equinixmetal', ...serving, ...args, prefix])
    await waitUntil(
      () => child.seen.err,
      (text) => text.includes('Booting'),
    )
    fileServer.kill('SIGSTOP')
    if (end === 'SIGTERM') {
      await waitUntil(
        () => child.seen.out,
        (text) => text.includes('machine is up'),
      )
      process.kill(child.pid(), 'SIGTERM')
    }
    expect(await child.code, child.seen.err).toBe(code)
    expect(child.seen.err).toContain('it is served from a copy')
    expect(await judge(lab, { code, stdout: child.seen.out, stderr: child.seen.err })).toEqual([])
    expect(await machinesIn(lab)).toEqual([])
  })
})
