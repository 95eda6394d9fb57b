import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { runToEnd, start } from '../helpers/io.ts'
import { makeImage } from '../helpers/image.ts'
import { needs } from '../helpers/needs.ts'
import { makeTestFolder } from '../helpers/folder.ts'
import { startSshHome } from './ssh-home.ts'

const all = ['demo-equinixmetal.ipxe', 'demo-initrd.img', 'demo-kernel', 'demo.json']

/** An SFTP server, an image of `megabytes`, and a way to push it. */
async function makeWorld({ megabytes = 1, config = ['Subsystem sftp internal-sftp'] } = {}) {
  const { sshd, env, folder } = await startSshHome(config)
  const target = join(makeTestFolder(), 'new/out')
  await using image = await makeImage()
  const { prefix } = { prefix: join(folder.path, 'demo') }
  for (const suffix of ['-kernel', '-initrd.img', '-cmdline'])
    await writeFile(prefix + suffix, await readFile(image.prefix + suffix))
  await writeFile(`${prefix}-initrd.img`, randomBytes(1_000_000))
  await truncate(`${prefix}-initrd.img`, megabytes * 1e6)
  const argv = (path = target, ...flags: string[]) => {
    const destination = `sftp://${sshd.host}:${sshd.port}${path}`
    return ['push', 'equinixmetal', '-base-url', 'http://x', '-destination', destination, ...flags, prefix]
  }
  return { sshd, env, folder, target, prefix, argv, push: (...args: string[]) => runToEnd(argv(...args), env) }
}

const partOf = async (folder: string) =>
  (await readdir(folder).catch((): string[] => [])).find((name) => /^\.demo-initrd\.img\..*\.part$/.test(name))

/** Waits until the unfinished initrd holds some megabytes. */
async function waitForPart(folder: string): Promise<{ name: string; ino: number }> {
  for (;;) {
    const name = await partOf(folder)
    const stats = name === undefined ? undefined : await stat(join(folder, name)).catch(() => undefined)
    if (name !== undefined && stats !== undefined && stats.size > 8e6) return { name, ino: stats.ino }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe('push to sftp:', needs('sshd', 'ssh-keygen'), () => {
  test('writes files that pass verify, and nothing the second time', async () => {
    const { push, target, prefix } = await makeWorld({ megabytes: 20 })
    const { code, stderr } = await push()
    expect(stderr).toContain(`pushed to sftp://127.0.0.1`)
    expect(code).toBe(0)
    expect(await readdir(target)).toEqual(all)
    expect((await readFile(join(target, 'demo-initrd.img'))).equals(await readFile(`${prefix}-initrd.img`))).toBe(true)
    expect((await runToEnd(['verify', target, 'demo'])).code).toBe(0)
    expect((await push()).stderr.match(/unchanged/g)).toHaveLength(4)
    await writeFile(`${prefix}-kernel`, (await readFile(`${prefix}-kernel`)).fill(1, 2000, 2001))
    expect((await push()).stderr.match(/unchanged/g)).toHaveLength(2)
    expect((await runToEnd(['verify', target, 'demo'])).code).toBe(0)
    expect(await readdir(target)).toEqual(all)
  })

  test('writes decompressed files', async () => {
    const { push, target, prefix } = await makeWorld()
    const kernel = await readFile(`${prefix}-kernel`)
    await writeFile(`${prefix}-kernel`, gzipSync(kernel))
    expect((await push(target, '-decompress')).code).toBe(0)
    expect((await readFile(join(target, 'demo-kernel'))).equals(kernel)).toBe(true)
  })

  test('writes under the home folder', async () => {
    const home = makeTestFolder()
    const { push } = await makeWorld({ config: [`Subsystem sftp internal-sftp -d ${home}`] })
    expect((await push('/~/a/b')).code).toBe(0)
    expect(await readdir(join(home, 'a/b'))).toEqual(all)
    expect((await push('/~')).code).toBe(0)
    expect(await readdir(home)).toEqual(['a', ...all])
  })

  test('resumes where a broken connection stopped', async () => {
    const { sshd, push, target, prefix } = await makeWorld({ megabytes: 300 })
    const broken = push()
    const part = await waitForPart(target)
    sshd.drop()
    const { code, stderr } = await broken
    expect(code).toBe(5)
    expect(stderr).toMatch(
      /metalkit: push: "sftp:.*" cannot be written \(.*(dropped|closed).*\); push again to resume where it stopped/,
    )
    expect(await readdir(target)).toContain(part.name)
    expect(await readdir(target)).not.toContain('demo-equinixmetal.ipxe')
    const before = (await stat(join(target, part.name))).size
    // Only bytes that were certainly written are kept: a wrong byte among them stays wrong, a wrong byte after them is rewritten.
    await writeFile(join(target, part.name), 'x', { flag: 'r+' })
    expect(before).toBeGreaterThan(8e6)
    expect((await push()).code).toBe(0)
    expect(await readdir(target)).toEqual(all)
    const [made, from] = [await readFile(join(target, 'demo-initrd.img')), await readFile(`${prefix}-initrd.img`)]
    expect((await stat(join(target, 'demo-initrd.img'))).ino).toBe(part.ino)
    expect(made[0]).toBe('x'.charCodeAt(0))
    expect(made.subarray(1).equals(from.subarray(1))).toBe(true)
  })

  test('keeps an interrupted file for the next run, unless the image has changed by then', async () => {
    const { env, argv, push, target, prefix } = await makeWorld({ megabytes: 300 })
    const running = start(argv(), env)
    const part = await waitForPart(target)
    running.interrupt(new Error('stop'))
    expect(await running.code).not.toBe(0)
    expect(await partOf(target)).toBe(part.name)
    await truncate(`${prefix}-initrd.img`, 5e6)
    expect((await push()).code).toBe(0)
    expect(await readdir(target)).toEqual(all)
  })

  test('leaves nothing of a damaged file', async () => {
    const { push, target, prefix } = await makeWorld()
    await writeFile(`${prefix}-initrd.img`, gzipSync(randomBytes(5e6)).subarray(0, -9))
    const { code, stderr } = await push(target, '-decompress')
    expect([code, stderr]).toEqual([5, expect.stringContaining('is truncated')])
    expect(await readdir(target)).toEqual([])
  })

  test('says why it cannot write', async () => {
    const { push, folder } = await makeWorld()
    await writeFile(join(folder.path, 'file'), '')
    const { code, stderr } = await push(join(folder.path, 'file/out'))
    expect(code).toBe(5)
    expect(stderr).toMatch(
      /^metalkit: push: "sftp:.*\/file\/out" cannot be (checked|made) \(.*\); check the folder and its permissions there\n$/,
    )
    await mkdir(join(folder.path, 'dir/demo-kernel'), { recursive: true })
    await chmod(join(folder.path, 'dir'), 0o755)
    expect((await push(join(folder.path, 'dir'))).stderr).toMatch(/demo-kernel" cannot be written \(/)
    expect(await readdir(join(folder.path, 'dir'))).toEqual(['demo-kernel'])
  })

  test('finds the server through the ssh configuration', async () => {
    const { sshd, env, folder, target, argv } = await makeWorld()
    folder.write('.ssh/config', `Host boot\n  HostName ${sshd.host}\n  Port ${sshd.port}\n`)
    const { code } = await runToEnd([...argv(), '-destination', `sftp://boot${target}`], env)
    expect([code, await readdir(target)]).toEqual([0, all])
  })

  test('reports a server without SFTP, and an unknown server', async () => {
    const without = await makeWorld({ config: [] })
    expect(await without.push()).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^metalkit: push: "sftp:.*" offers no SFTP; /),
    })
    const { push, folder } = await makeWorld()
    folder.write('.ssh/known_hosts', '')
    expect(await push()).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^metalkit: push: .* is not a known host/),
    })
  })
})
