// Names that change between check and open: a separate program swaps a file and a folder for links that lead outside.
import { spawn } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from '../../helpers/folder.ts'
import { request, serve } from '../help-serve.ts'

/** Swaps `name` and `name.other` until it is killed, and reports when it has begun. */
const swapper = `
const { renameSync } = require('node:fs')
for (let round = 0; ; round++) {
  for (const name of process.argv.slice(1)) {
    renameSync(name, name + '.aside')
    renameSync(name + '.other', name)
    renameSync(name + '.aside', name + '.other')
  }
  if (round === 10) process.stdout.write('swapping')
}`

test('a file outside is never served, and the reason is logged', async () => {
  using folder = makeFolder()
  const root = join(folder.path, 'root')
  await mkdir(join(root, 'sub', 'deep'), { recursive: true })
  await mkdir(join(folder.path, 'outside', 'deep'), { recursive: true })
  await writeFile(join(folder.path, 'outside', 'deep', 'file'), 'secret')
  await writeFile(join(root, 'sub', 'deep', 'file'), 'public')
  await writeFile(join(folder.path, 'outside', 'file'), 'secret')
  await writeFile(join(folder.path, 'outside', 'only-outside'), 'secret')
  await writeFile(join(root, 'sub', 'file'), 'public')
  await writeFile(join(root, 'file'), 'public')
  await symlink('../outside/file', join(root, 'file.other'))
  await symlink('../outside', join(root, 'sub.other'))
  await using server = await serve(root)
  const child = spawn(process.execPath, ['-e', swapper, join(root, 'file'), join(root, 'sub')])
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const seen = new Map<string, number>()
    for (let round = 0; round < 500; round++) {
      const targets = ['/file', '/sub/file', '/sub/', '/sub/deep/file', '/sub/only-outside', '/sub/file', '/sub/']
      const answers = targets.map(async (target) => ({ target, ...(await request(server.address.port, target)) }))
      for (const { target, status, body } of await Promise.all(answers)) {
        expect(body).not.toContain('secret')
        expect(body).not.toContain('only-outside')
        seen.set(`${target} ${status}`, (seen.get(`${target} ${status}`) ?? 0) + 1)
      }
    }
    // Each was answered in both states of its file or folder.
    for (const target of ['/file', '/sub/file', '/sub/', '/sub/deep/file']) {
      expect(seen.get(`${target} 200`)).toBeGreaterThan(0)
      expect(seen.get(`${target} 404`)).toBeGreaterThan(0)
    }
    expect(seen.get('/sub/only-outside 200')).toBeUndefined()
  } finally {
    child.kill('SIGKILL')
  }
  expect(server.lines.some((line) => / 404 .* \(a link leads outside the folder\)$/.test(line))).toBe(true)
})
