// metalkit's own texts are ASCII, so that they look the same in every locale and terminal.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { run } from '../../src/cli.ts'
import type { Output } from '../../src/io.ts'
import { startFakeApi } from '../helpers/api-fake.ts'
import { start } from '../helpers/io.ts'
import { nowhere } from '../helpers/nowhere.ts'

const device = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'

/** The output of a command in a terminal without Unicode. */
async function runAtTerminal(argv: readonly string[], apiUrl: string): Promise<string> {
  let seen = ''
  const open = (): Output => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 })
    stream.on('data', (chunk: Buffer) => (seen += chunk.toString('latin1')))
    return stream
  }
  const env = {
    LANG: 'C',
    TERM: 'vt100',
    HOME: nowhere,
    METAL_API_URL: apiUrl,
    METAL_API_TOKEN: 'sesame',
    METAL_PROJECT_ID: 'p',
    METAL_SOS: '127.0.0.1:1',
  }
  const { io } = start(['--version'])
  await run(argv, { ...io, stdout: open(), stderr: open(), env })
  return seen
}

test.each([
  ['ls'],
  ['ls', '-vv'],
  ['ls', '--json'],
  ['rm'],
  ['rm', '--older-than', 'x'],
  ['doctor'],
  ['doctor', '-serve', ':8080', '-base-url', 'https://10.0.0.1', 'none'],
  ['man'],
  ['completion', 'bash'],
  ['completion', '--', 'run', 'equinixmetal', '-'],
  ['lab', 'status'],
  ['lab', 'env', '--name', 'none-such'],
  ['verify', nowhere, 'x'],
  ['push', 'equinixmetal', '-base-url', 'http://a', `${nowhere}/x`],
  ['run', 'equinixmetal', '-base-url', 'http://127.0.0.1:1', `${nowhere}/x`],
  ['console', device],
  ['serve', nowhere],
  ['run'],
  ['run', 'equinixmetal'],
  ['no-such'],
  ['serve', '-port', 'x'],
])('metalkit %s %s %s', { timeout: 60_000 }, async (...argv) => {
  await using api = await startFakeApi(() => ({
    status: 200,
    json: {
      id: device,
      hostname: 'box',
      state: 'active',
      tags: ['metalkit'],
      created_at: '2020-01-01T00:00:00Z',
      devices: [
        { id: device, hostname: 'box', state: 'active', tags: ['metalkit'], created_at: '2020-01-01T00:00:00Z' },
      ],
      ssh_keys: [],
      meta: { next: null },
    },
  }))
  const seen = await runAtTerminal(argv, api.apiUrl)
  expect(seen).not.toBe('')
  expect(seen.match(/[^\0-~]/g)).toBeNull()
})

test('no text in the code has non-ASCII letters, except for web pages', () => {
  const source = join(import.meta.dirname, '../../src')
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(100)
  const found = files
    .filter((file) => !/^lab\/page|^serve\/(?:boot-table|page)/.test(file))
    .flatMap((file) => {
      const code = readFileSync(join(source, file), 'utf8').replaceAll(
        /^\s*(?:\/\/|\/?\*).*$|\/\*.*?\*\/|\s\/\/ .*$/gm,
        '',
      )
      return code.split('\n').filter((line) => /[^\x20-\x7e]/.test(line))
    })
  expect(found).toEqual([])
})
