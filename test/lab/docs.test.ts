import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { labEnvironment } from '../../src/lab/environment.ts'
import { startTestLab } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'

test('the curl lines of the documentation work as they are written', needs('curl'), async () => {
  const text = await readFile(new URL('../../docs/lab.md', import.meta.url), 'utf8')
  const scripts = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, lines = '']) => lines)
  const curls = scripts
    .flatMap((lines) => lines.replaceAll('\\\n', '').split('\n'))
    .filter((line) => line.startsWith('curl'))
  expect(curls).toHaveLength(4)
  await using lab = await startTestLab()
  const env = { ...process.env, ...labEnvironment(lab) }
  const answers: unknown[] = []
  for (const line of curls) {
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { env })
    answers.push(JSON.parse(stdout))
  }
  expect(answers).toMatchObject([
    { plans: [{ slug: 'c3.small.x86' }] },
    { hostname: 'box', state: 'queued', userdata: '#!ipxe\nshell' },
    { devices: [{ hostname: 'box', project: { name: 'lab' }, plan: { href: expect.any(String) } }] },
    { servers: [{ available: true }] },
  ])
})
