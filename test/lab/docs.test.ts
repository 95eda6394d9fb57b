import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { apiFaults, sosFaults, steps } from '../../src/lab/faults/fault-kinds.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { startTestLab } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'

test('the documentation lists every fault', async () => {
  const text = await readFile(new URL('../../docs/lab.md', import.meta.url), 'utf8')
  const section = text.slice(text.indexOf('## Faults'), text.indexOf('## The metadata service'))
  const named = new Set(section.match(/(?<=`)[\w-]+(?=`)/g))
  expect([...steps, ...apiFaults.keys(), ...sosFaults].filter((word) => !named.has(word))).toEqual([])
})

test('the curl lines of the documentation work as they are written', needs('curl'), async () => {
  const text = await readFile(new URL('../../docs/lab.md', import.meta.url), 'utf8')
  const scripts = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, lines = '']) => lines)
  const curls = scripts
    .flatMap((lines) => lines.replaceAll('\\\n', '').split('\n'))
    .filter((line) => line.startsWith('curl'))
  expect(curls).toHaveLength(7)
  await using lab = await startTestLab()
  const env = { ...process.env, ...labEnvironment(lab) }
  const answers: unknown[] = []
  for (const line of curls) {
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { env })
    answers.push(stdout === '' ? 'nothing' : JSON.parse(stdout))
  }
  expect(answers).toMatchObject([
    { plans: [{ slug: 'c3.small.x86' }] },
    { hostname: 'box', state: 'queued', userdata: '#!ipxe\nshell' },
    { devices: [{ hostname: 'box', project: { name: 'lab' }, plan: { href: expect.any(String) } }] },
    { servers: [{ available: true }] },
    {
      faults: [
        { fault: 'get:429 retry-after=1 x3', played: 0 },
        { fault: 'sos:drop-session', played: 0 },
      ],
    },
    { faults: [{ played: 0 }, { played: 0 }] },
    'nothing',
  ])
})
