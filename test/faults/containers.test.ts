// Conditions in containers: the program is process 1 and has orphans, nothing is writable, its user has no passwd entry.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { attendedMachines, startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'
import { needs, needsMountOf, needsRoot } from '../helpers/needs.ts'
import { findFreePort } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { quoteValue } from '../../src/text/shell-word.ts'
import { machinesIn, publishImage } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(async () => await image[Symbol.asyncDispose]())

const metalkit = `${quoteValue(process.execPath)} ${quoteValue(program)}`
const runWords = () => `run equinixmetal -base-url ${image.baseUrl} ${quoteValue(image.prefix)}`

/** A command as process 1, as `docker run` without --init starts it. */
function startFirst(lab: TestLab, command: readonly string[]) {
  const child = spawn('unshare', ['-rpf', '--mount-proc', '--kill-child=KILL', ...command], {
    env: { ...labEnvironment(lab), PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const seen = { text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => (seen.text += bytes.toString()))
  }
  const code = once(child, 'close').then(([status]) => Number(status))
  return {
    seen,
    code,
    /** Stops it as a container engine would. */
    stop: () => spawnSync('pkill', ['-TERM', '-P', String(child.pid)]),
    says: async (words: string) =>
      await waitUntil(
        () => seen.text,
        (said) => said.includes(words),
        20_000,
      ),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

describe('as process 1', { ...needs('unshare', 'pkill', 'npm', 'bash'), timeout: 60_000 }, () => {
  test.each([
    ['itself', (words: string) => words],
    ['with an orphan that keeps running', (words: string) => `(sleep 300 &); exec ${words}`],
    ['with orphans that end', (words: string) => `(sleep 0.1 & sleep 0.2 &); exec ${words}`],
  ])('%s: SIGTERM ends the run in order', async (_, scriptOf) => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    // bash replaces itself with a simple command, as the engine would.
    using first = startFirst(lab, ['bash', '-c', scriptOf(`${metalkit} ${runWords()}`)])
    await first.says('is up')
    first.stop()
    expect(await first.code, first.seen.text).toBe(143)
    expect(first.seen.text).toContain('by SIGTERM')
    expect(first.seen.text).not.toContain('does not pass SIGTERM on')
    expect(await machinesIn(lab)).toEqual([])
  })

  test.each([
    ['sh', (words: string) => ['sh', '-c', `${words}; true`]],
    ['npm', (words: string) => ['npm', 'exec', '--offline', '-c', `${words}; true`]],
  ])('%s would lose the machine; the run warns and says how to avoid it', async (name, commandOf) => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const warning = `${name} is the command of this container and does not pass SIGTERM on`
    for (const [limit, warns] of [
      ['-timeout 20s', true],
      ['-timeout 20s -ttl 1h', false],
    ] as const) {
      using first = startFirst(lab, commandOf(`${metalkit} ${runWords()} -wait-for 'is up' ${limit}`))
      expect(await first.code, first.seen.text).toBe(0)
      expect(first.seen.text.includes(warning), first.seen.text).toBe(warns)
    }
  })
})

/** Runs a command to its end while this process's lab answers it. */
async function runAsync(file: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd = '/') {
  const child = spawn(file, args, {
    env: { PATH: process.env['PATH'], ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [said, [code]] = await Promise.all([
    Promise.all([text(child.stdout), text(child.stderr)]),
    once(child, 'close'),
  ])
  return { code: Number(code), said: said.join('') }
}

/** Shell commands that make a folder read-only in a namespace. */
const shut = (folder: string) => `mount --bind ${folder} ${folder} && mount -o remount,bind,ro ${folder}`

describe('a read-only root file system', { ...needsMountOf('ro'), timeout: 60_000 }, () => {
  test.each(['/nonexistent', '/', undefined])('with HOME=%s: a run works', async (home) => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const port = await findFreePort()
    const served = `-serve 127.0.0.1:${port} -base-url http://127.0.0.1:${port} -wait-for 'is up' -timeout 20s`
    const run = `${metalkit} run equinixmetal ${served} ${quoteValue(image.prefix)}`
    const script = `mount -o remount,bind,ro / && ${shut('/tmp')} && ! touch /x /tmp/x && exec ${run}`
    const env = { ...labEnvironment(lab), HOME: home }
    const { code, said } = await runAsync('unshare', ['-rm', 'sh', '-c', script], env)
    expect(code, said).toBe(0)
    expect(said).not.toContain('metalkit: ')
    expect(await machinesIn(lab)).toEqual([])
  })

  test('a push to it says that it is read-only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'metalkit-ro-'))
    const push = `push equinixmetal -base-url http://127.0.0.1/x -destination ${folder} ${quoteValue(image.prefix)}`
    const { code, said } = await runAsync('unshare', ['-rm', 'sh', '-c', `${shut(folder)} && ${metalkit} ${push}`], {})
    expect([code, said]).toEqual([5, expect.stringMatching(/^metalkit: push: .*read-only file system/m)])
    rmSync(folder, { recursive: true })
  })
})

describe(
  'a user id without a passwd entry, without HOME and a terminal',
  { ...needsRoot('setpriv', 'unshare'), timeout: 60_000 },
  () => {
    let folder = ''
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'metalkit-uid-'))
      chmodSync(folder, 0o755)
      chmodSync(dirname(program), 0o755)
      mkdirSync(join(folder, 'checkout'))
      for (const part of ['kernel', 'initrd.img', 'cmdline']) {
        copyFileSync(`${image.prefix}-${part}`, join(folder, `demo-${part}`))
        chmodSync(join(folder, `demo-${part}`), 0o644)
      }
    })
    afterAll(() => rmSync(folder, { recursive: true }))

    async function runAsNobody(lab: TestLab, words: readonly string[]) {
      const own = { METAL_IDENTITY: join(folder, 'key'), METAL_KNOWN_HOSTS: join(folder, 'known_hosts') }
      copyFileSync(lab.userKeyPath, own.METAL_IDENTITY)
      copyFileSync(lab.knownHostsPath, own.METAL_KNOWN_HOSTS)
      for (const path of Object.values(own)) chownSync(path, 54321, 54321)
      // The checkout may be in a folder of root, such as its home.
      const root = join(import.meta.dirname, '../..')
      const mounted = join(folder, 'checkout')
      const script = [
        `mount --bind ${quoteValue(root)} ${quoteValue(mounted)} && exec setpriv --reuid 54321 --regid 54321 --clear-groups`,
        ...[process.execPath, join(mounted, relative(root, program)), ...words].map(quoteValue),
      ].join(' ')
      return await runAsync('unshare', ['-m', 'sh', '-c', script], { ...labEnvironment(lab), ...own }, folder)
    }

    test('run, console, ls, push and serve work', async () => {
      await using lab = await startTestLab({ driver: attendedMachines() })
      const port = await findFreePort()
      const served = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`]
      const patience = ['-timeout', '20s', '-wait-for']
      const kept = await runAsNobody(lab, ['run', 'equinixmetal', ...served, ...patience, 'is up', '-keep', 'demo'])
      expect(kept.code, kept.said).toBe(0)
      const id = (await machinesIn(lab))[0]?.id ?? ''
      const attached = await runAsNobody(lab, ['console', ...patience, 'Session Ready', id])
      expect(attached.code, attached.said).toBe(0)
      const listed = await runAsNobody(lab, ['ls'])
      expect([listed.code, listed.said]).toEqual([0, expect.stringContaining(id)])
      mkdirSync(join(folder, 'pub'))
      chownSync(join(folder, 'pub'), 54321, 54321)
      const push = ['push', 'equinixmetal', '-base-url', 'http://127.0.0.1/x', '-destination', 'pub', 'demo']
      const pushed = await runAsNobody(lab, push)
      expect(pushed.code, pushed.said).toBe(0)
      expect(readdirSync(join(folder, 'pub'))).toContain('demo-equinixmetal.ipxe')
    })

    test('a lab says which folder it needs', async () => {
      await using lab = await startTestLab({ driver: attendedMachines() })
      const { code, said } = await runAsNobody(lab, ['lab', '--machines', 'simulated', '--', 'true'])
      expect([code, said]).toEqual([
        10,
        expect.stringMatching(/cannot use "\/.*" as state folder: permission denied; set XDG_STATE_HOME to a folder/),
      ])
    })
  },
)
