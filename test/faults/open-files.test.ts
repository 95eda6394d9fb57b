// A low limit of open files: the error names it wherever it occurs, and no machine is rented.
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { labEnvironment } from '../../src/lab/environment.ts'
import { makeImage } from '../helpers/image.ts'
import { attendedMachines, startTestLab } from '../helpers/lab.ts'
import { findFreePort } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { quoteValue } from '../../src/text/shell-word.ts'
import { machinesIn } from './world.ts'
import { nowhere } from '../helpers/nowhere.ts'

let image: Awaited<ReturnType<typeof makeImage>>
beforeAll(async () => {
  image = await makeImage()
})
afterAll(async () => await image[Symbol.asyncDispose]())

function runLimited(limit: number, args: readonly string[], env: Record<string, string> = {}) {
  const words = [process.execPath, program, ...args].map(quoteValue).join(' ')
  const { status, stdout, stderr } = spawnSync('sh', ['-c', `ulimit -n ${limit}; ${words}`], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { PATH: process.env['PATH'] ?? '', HOME: nowhere, ...env },
  })
  return { code: status, stdout, stderr }
}

const raise = 'raise the limit where it is set (ulimit -n 1024, docker run --ulimit nofile=1024)'

// With fewer than 20, Node itself cannot load a program.
describe.each([20, 22, 24, 26, 30, 40, 60])('with %i open files', { timeout: 60_000 }, (limit) => {
  const why = `${limit} open files are too few: serving machines needs 64; ${raise}\n`

  test('a run that serves reports the limit, and rents nothing', async () => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const port = await findFreePort()
    const args = ['-serve', `127.0.0.1:${port}`, '-base-url', `http://127.0.0.1:${port}`, '-timeout', '20s']
    const ending = runLimited(limit, ['run', 'equinixmetal', ...args, image.prefix], labEnvironment(lab))
    expect(ending).toEqual({ code: 5, stdout: '', stderr: `metalkit: serve: ${why}` })
    expect(await machinesIn(lab)).toEqual([])
  })

  test('so do serve and lab', async () => {
    expect(runLimited(limit, ['serve', '-port', '127.0.0.1:0', '.']).stderr).toBe(`metalkit: serve: ${why}`)
    const { code, stderr } = runLimited(limit, ['lab', '--machines', 'simulated', '--', 'true'])
    expect([code, stderr]).toEqual([10, `metalkit: lab: ${why}`])
  })
})
