// Patterns that backtrack endlessly on a long line: during such a search no signal and no time limit would be handled.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestLab } from '../helpers/lab.ts'
import { startChild } from './children.ts'
import { createTalkingDriver } from '../helpers/talking-machine.ts'
import { judge, machinesIn, publishImage } from './world.ts'

let image: Awaited<ReturnType<typeof publishImage>>
beforeAll(async () => {
  image = await publishImage()
})
afterAll(() => image[Symbol.asyncDispose]())

test.concurrent.each([
  // Some begin with what no line of the boot log has: its random keys have each letter now and then.
  ['--wait-for', 'abab.*b.*c', 'ab'.repeat(50_000)],
  ['--wait-for', '[0-9]+.[0-9]+.[0-9]+.[0-9]+ up', `${'1234567890'.repeat(1200)}! up\n`],
  ['--wait-for', '^(a+)+$', `\n${'a'.repeat(40)}!`],
  ['--fail-on', 'login.*:.*ready.*ok', 'login: ready '.repeat(8000)],
  ['--wait-for', '(?<=x*)yyyy.*z*q', 'y'.repeat(100_000)],
])('%s %s on a long line', { timeout: 60_000 }, async (flag, pattern, line) => {
  await using lab = await startTestLab({ driver: createTalkingDriver(line) })
  const run = ['run', 'equinixmetal', '-base-url', image.baseUrl, '-timeout', '5m', flag, pattern, image.prefix]
  using child = startChild(lab, run)
  const code = await child.code
  const { out: stdout, err: stderr } = child.seen
  expect(code, stderr).toBe(8)
  expect(stderr).toContain(`console: searching a line of the console for /${pattern}/m took more than 0.5 s; use a`)
  expect(await judge(lab, { code, stdout, stderr })).toEqual([])
  expect(await machinesIn(lab)).toEqual([])
})

test('a similar but fast pattern is found', { timeout: 60_000 }, async () => {
  await using lab = await startTestLab({ driver: createTalkingDriver(`${'ab'.repeat(5000)}c\n`) })
  const run = [
    'run',
    'equinixmetal',
    '-base-url',
    image.baseUrl,
    '-timeout',
    '5m',
    '-wait-for',
    'abab.*b.*c',
    image.prefix,
  ]
  using child = startChild(lab, run)
  expect(await child.code, child.seen.err).toBe(0)
})
