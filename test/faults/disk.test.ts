import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeImage } from '../helpers/image.ts'
import { needsMountOf } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { quoteValue } from '../../src/text/shell-word.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-disk-'))
let image: Awaited<ReturnType<typeof makeImage>>
beforeAll(async () => {
  image = await makeImage()
  await writeFile(`${image.prefix}-initrd.img`, Buffer.alloc(3_000_000, 7))
})
afterAll(async () => {
  await image[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** Pushes in a shell that `before` has prepared. @returns its output, and the files at the destination */
function push(name: string, before: string, [file, ...args]: readonly [string, ...string[]]) {
  const destination = join(folder, name)
  mkdirSync(destination)
  const words = [process.execPath, program, 'push', 'equinixmetal', '-base-url', 'http://127.0.0.1/x']
  const command = [...words, '-destination', destination, image.prefix].map(quoteValue).join(' ')
  const script = `cd ${quoteValue(destination)} && ${before}; ${command}; code=$?; ls -A ${quoteValue(destination)} >&1; exit $code`
  const { status, stdout, stderr } = spawnSync(file, [...args, script], { encoding: 'utf8', timeout: 20_000 })
  return { code: status, stderr, files: stdout.split('\n').filter((line) => line !== '' && !line.includes(' ')) }
}

test('a file size limit leaves no partial file', () => {
  // Blocks of 512 bytes.
  const { code, stderr } = push('limit', "trap '' XFSZ; ulimit -f 2000", ['sh', '-c'])
  expect(code, stderr).toBe(5)
  expect(stderr).toMatch(/^metalkit: push: .*file too large/m)
  expect(readdirSync(join(folder, 'limit')).filter((name) => !/^demo-kernel$/.test(name))).toEqual([])
})

test('a full disk leaves no partial file', needsMountOf('tmpfs'), () => {
  const mount = `mount -t tmpfs -o size=64k tmpfs ${quoteValue(join(folder, 'full'))}`
  const { code, stderr, files } = push('full', mount, ['unshare', '-rm', 'sh', '-c'])
  expect(code, stderr).toBe(5)
  expect(stderr).toMatch(/^metalkit: push: .*no space left on device/m)
  expect(files.filter((name) => name !== 'demo-kernel')).toEqual([])
})
