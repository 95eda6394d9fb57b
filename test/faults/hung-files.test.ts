// An image on a file system whose server stops: a stopped bindfs stands for an unreachable NFS server.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseFaults } from '../../src/lab/faults/faults.ts'
import { makeImage } from '../helpers/image.ts'
import { attendedMachines, startTestLab, waitUntil } from '../helpers/lab.ts'
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
    // The machine requests the image when it can no longer be read.
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 2000 } })
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
    expect(child.seen.err).toContain('a copy is served')
    expect(await judge(lab, { code, stdout: child.seen.out, stderr: child.seen.err })).toEqual([])
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each([
    ['-log', 'SIGTERM', [], 143],
    ['-log', '--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
    ['-log', 'the pattern', ['-wait-for', 'machine is up'], 0],
    ['-record', 'SIGTERM', [], 143],
    ['>', 'SIGTERM', [], 143],
    ['>', '--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
    ['2>', 'SIGTERM', [], 143],
    ['-id-file', 'SIGTERM', [], 143],
    ['-id-file', '--timeout', ['-wait-for', 'never shown', '-timeout', '8s'], 8],
    ['-id-file', 'the pattern', ['-wait-for', 'machine is up'], 2],
  ] as const)('%s a file there: %s ends the run', async (kind, end, args, code) => {
    await using lab = await startTestLab({ driver: attendedMachines(), pace: { queuedMs: 2000 } })
    // The answer to the create comes when the file system hangs already.
    lab.faults.set(parseFaults('create:slow-headers for=1500ms'))
    const port = await findFreePort()
    const serving = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
    const file = join(folder, 'mount', 'output')
    const isFlag = kind.startsWith('-')
    const image = join(folder, 'real', basename(prefix))
    const words = ['run', 'equinixmetal', '-v', ...serving, ...args, ...(isFlag ? [kind, file] : []), image]
    using child = startChild(lab, words, { shell: isFlag ? 'PROGRAM' : `PROGRAM ${kind} ${file}` })
    await waitUntil(
      () => machinesIn(lab),
      (machines) => machines.length === 1,
    )
    fileServer.kill('SIGSTOP')
    if (end === 'SIGTERM') {
      await waitUntil(
        () => child.seen.out + child.seen.err,
        (text) => text.includes(kind === '>' ? 'console: attached' : 'machine is up'),
      )
      process.kill(child.pid(), 'SIGTERM')
    }
    expect(await child.code, child.seen.err).toBe(code)
    expect(await machinesIn(lab)).toEqual([])
    fileServer.kill('SIGCONT')
    // Data written in the meantime arrives when the server is back.
    if (kind === '-log' || (kind === '>' && end === '--timeout')) {
      await waitUntil(
        () => readFile(join(folder, 'real', 'output'), 'utf8'),
        (text) => text.includes('machine is up'),
      )
    }
    if (kind === '-id-file') {
      expect(child.seen.err).toContain(`the id file "${file}" is not written: its file system does not answer`)
      await waitUntil(
        () => readFile(join(folder, 'real', 'output'), 'utf8').catch(() => ''),
        (text) => /^[0-9a-f-]{36}\n$/.test(text),
      )
      expect((await readdir(join(folder, 'real'))).filter((name) => name.startsWith('.output'))).toEqual([])
    }
  })

  test.each([
    ['-log', 'SIGTERM', 143],
    ['-record', 'SIGTERM', 143],
    // Only a signal ends a program that still waits for a file.
    ['-log', '--timeout', 137],
    ['-record', '--timeout', 137],
    ['-id-file', 'SIGTERM', 143],
    ['the image', 'SIGTERM', 143],
    ['the image', '--timeout', 137],
    ['the home folder', 'SIGTERM', 143],
    ['the home folder', '--timeout', 137],
  ] as const)('%s there before a machine is rented: %s ends the run', async (what, end, code) => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const port = await findFreePort()
    const serving = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
    const mount = join(folder, 'mount')
    const image = what === 'the image' ? prefix : join(folder, 'real', basename(prefix))
    const file = what.startsWith('-') ? [what, join(mount, 'output')] : []
    const limit = end === '--timeout' ? ['-wait-for', 'never shown', '-timeout', '5s'] : []
    const shell = what === 'the home folder' ? `export HOME=${mount}\nPROGRAM` : 'PROGRAM'
    fileServer.kill('SIGSTOP')
    using child = startChild(lab, ['-v', 'run', 'equinixmetal', ...serving, ...limit, ...file, image], { shell })
    if (end === 'SIGTERM') {
      // Until it waits for the file system, in one of its threads.
      await waitUntil(
        async () => {
          const threads = await readdir(`/proc/${child.pid()}/task`).catch(() => [])
          const places = threads.map((id) => readFile(`/proc/${child.pid()}/task/${id}/wchan`, 'utf8').catch(() => ''))
          return (await Promise.all(places)).join(' ')
        },
        (places) => /fuse|request_wait/.test(places),
        30_000,
      )
      process.kill(child.pid(), 'SIGTERM')
    }
    expect(await child.code, child.seen.err).toBe(code)
    expect(await machinesIn(lab)).toEqual([])
    expect(child.seen.err).not.toContain('Booting')
    expect(child.seen.err).toContain('a file system does not respond; exiting without waiting for it')
    if (end === '--timeout') expect(child.seen.err).toContain('metalkit: console: the console did not show')
  })

  test('an id file that cannot be written after all ends the run, and its machine', async () => {
    await using lab = await startTestLab({ pace: { queuedMs: 2000 } })
    lab.faults.set(parseFaults('create:slow-headers for=1500ms'))
    await using image = await makeImage()
    const port = await findFreePort()
    const serving = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
    const place = join(folder, 'mount', 'ids')
    await mkdir(place)
    using child = startChild(lab, ['run', 'equinixmetal', ...serving, '-id-file', join(place, 'id'), image.prefix])
    await waitUntil(
      () => machinesIn(lab),
      (machines) => machines.length === 1,
    )
    await rm(place, { recursive: true })
    expect(await child.code, child.seen.err).toBe(2)
    expect(child.seen.err.match(/the id file ".*\/id" cannot be written: .*/g)).toHaveLength(1)
    expect(await machinesIn(lab)).toEqual([])
  })

  test("a home folder that hangs keeps a run from none of its machine's console", async () => {
    await using lab = await startTestLab({ pace: { queuedMs: 2000 } })
    await using image = await makeImage()
    const port = await findFreePort()
    const serving = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
    const home = join(folder, 'mount')
    await mkdir(join(home, '.ssh'))
    await writeFile(join(home, '.ssh', 'config'), 'Include more*\nHost none\n')
    await writeFile(join(home, '.ssh', 'more'), 'Host none\n')
    const words = ['run', 'equinixmetal', ...serving, '-wait-for', 'machine is up', image.prefix]
    using child = startChild(lab, words, { shell: `export HOME=${home}\nPROGRAM` })
    await waitUntil(
      () => machinesIn(lab),
      (machines) => machines.length === 1,
    )
    fileServer.kill('SIGSTOP')
    expect(await child.code, child.seen.err).toBe(0)
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'serve answers 503 while earlier requests hang, and %s ends it',
    async (end) => {
      await using lab = await startTestLab({ driver: attendedMachines() })
      const port = await findFreePort()
      const url = `http://127.0.0.1:${port}`
      const names = ['one', 'two', 'three', 'four', 'five']
      for (const name of names) await writeFile(join(folder, 'real', name), name)
      using child = startChild(lab, ['serve', '--port', `127.0.0.1:${port}`, join(folder, 'mount')])
      await waitUntil(
        () => child.seen.err,
        (text) => text.includes('serving'),
      )
      fileServer.kill('SIGSTOP')
      const hung = names.map(
        async (name) =>
          await fetch(`${url}/${name}`).then(
            ({ status }) => status,
            () => 0,
          ),
      )
      const statuses = await Promise.all(hung.slice(3))
      expect(statuses).toEqual([503, 503])
      // The same request again does not use another place.
      expect((await fetch(`${url}/one`)).status).toBe(503)
      await waitUntil(
        () => child.seen.err,
        (text) => /GET \/four.* 503/.test(text),
      )
      const startedMs = performance.now()
      process.kill(child.pid(), end)
      expect(await child.code, child.seen.err).toBe(end === 'SIGTERM' ? 143 : 130)
      expect(performance.now() - startedMs).toBeLessThan(8000)
      expect(child.seen.err).toContain('a file system does not respond')
      expect(await Promise.all(hung)).toEqual([0, 0, 0, 503, 503])
    },
  )

  test('serve continues when the folder responds again', async () => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const port = await findFreePort()
    const names = ['one', 'two', 'three', 'four']
    for (const name of names) await writeFile(join(folder, 'real', name), name)
    using child = startChild(lab, ['serve', '--port', `127.0.0.1:${port}`, join(folder, 'mount')])
    await waitUntil(
      () => child.seen.err,
      (text) => text.includes('serving'),
    )
    fileServer.kill('SIGSTOP')
    const get = async (name: string) => (await fetch(`http://127.0.0.1:${port}/${name}`)).status
    const hung = names.map(get)
    expect(await hung[3]).toBe(503)
    fileServer.kill('SIGCONT')
    expect(await Promise.all(hung)).toEqual([200, 200, 200, 503])
    expect(await Promise.all(names.map(get))).toEqual([200, 200, 200, 200])
    process.kill(child.pid(), 'SIGTERM')
    expect(await child.code, child.seen.err).toBe(0)
  })

  test('SIGTERM ends serve even if its folder hangs from the start', async () => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    fileServer.kill('SIGSTOP')
    const where = join(folder, 'mount')
    using child = startChild(lab, ['serve', '--port', `127.0.0.1:${await findFreePort()}`, where])
    await waitUntil(
      () => readFile(`/proc/${child.pid()}/status`, 'utf8').catch(() => ''),
      (text) => /^SigCgt:.*[4-7c-f]...$/m.test(text),
    )
    process.kill(child.pid(), 'SIGTERM')
    expect(await child.code, child.seen.err).toBe(143)
  })
})
