// A kept machine: rented, power-cycled, and booted with --device, with another kernel each time.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'

import { labEnvironment } from '../../src/lab/environment.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { startServer } from '../../src/serve/server.ts'
import { runToEnd } from '../helpers/io.ts'
import { startTestLab, waitForState, waitUntil } from '../helpers/lab.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { needs } from '../helpers/needs.ts'
import { arm64SayProgram, sayBzImage } from './boot-server.ts'
import { installerFolder, needsInstaller } from './installer.ts'
import { watch } from './watch.ts'

/** An image that prints its name on the console. */
interface TellingImage {
  kernel: Buffer
  cmdline: string
  says: string
}

/** Runs the program. @throws with its output if it fails */
async function runWell(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(args, env)
  if (code !== 0) throw new Error(`metalkit ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`)
  return stdout
}

async function bootThreeTimes(plan: string, makeImage: (which: string) => TellingImage): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-three-boots-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const out = join(folder, 'out')
  await mkdir(out)
  const report = createRecorder()
  const driver = await createQemuDriver({ diskFolder: join(folder, 'disks'), report })
  let screen: ReturnType<typeof watch> | undefined
  await using lab = await startTestLab({
    driver: {
      ...driver,
      async powerOn(spec) {
        const machine = await driver.powerOn(spec)
        screen = watch(machine.serial)
        return machine
      },
    },
    capacity: { memoryMib: 2 ** 20, cpus: 64 },
  })
  await using server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    content: { kind: 'folder', path: out },
    report,
  })
  const prefix = join(folder, 'img')
  const env = labEnvironment(lab)
  const push = async ({ kernel, cmdline }: TellingImage) => {
    await writeFile(`${prefix}-kernel`, kernel)
    await writeFile(`${prefix}-initrd.img`, gzipSync(Buffer.alloc(512)))
    await writeFile(`${prefix}-cmdline`, cmdline)
    await runWell(['push', 'equinixmetal', '-base-url', server.url, '-destination', out, prefix])
  }
  const run = (says: string, ...more: string[]) =>
    runWell(['run', 'equinixmetal', '-base-url', server.url, '-wait-for', says, '-timeout', '8m', ...more, prefix], env)

  const first = makeImage('first')
  await push(first)
  const idFile = join(folder, 'id')
  expect(await run(first.says, '-machine', plan, '-keep', '-id-file', idFile)).toContain(first.says)
  const id = (await readFile(idFile, 'utf8')).trim()

  const second = makeImage('second')
  await push(second)
  await lab.call('POST', `/devices/${id}/actions`, { type: 'power_off' })
  await waitForState(lab, id, 'inactive')
  await lab.call('POST', `/devices/${id}/actions`, { type: 'power_on' })
  await waitForState(lab, id, 'active')
  await waitUntil(
    () => screen?.text() ?? '',
    (text) => text.includes(second.says),
    480_000,
  )
  expect(screen?.text()).not.toContain(first.says)

  const third = makeImage('third')
  await push(third)
  const stdout = await run(third.says, '-device', id)
  expect(stdout).toContain(third.says)
  expect(stdout).not.toContain(second.says)
  const { json: device } = await lab.call('GET', `/devices/${id}`)
  expect(device.state).toBe('active')
}

describe('three boots in a row show the new kernel each time', () => {
  test('on an amd64 machine, with three kernels', { ...needs('qemu-system-x86_64'), timeout: 1_500_000 }, async () => {
    await bootThreeTimes('c3.small.x86', (which) => {
      const says = `this is the ${which} kernel`
      return { kernel: sayBzImage(says), cmdline: 'quiet', says }
    })
  })

  test(
    'on an arm64 machine, with three kernels',
    { ...needs('qemu-system-x86_64', 'qemu-system-aarch64'), timeout: 1_500_000 },
    async () => {
      await bootThreeTimes('c3.large.arm64', (which) => {
        const says = `this is the ${which} kernel`
        return { kernel: arm64SayProgram(says), cmdline: 'quiet', says }
      })
    },
  )

  test(
    'on an amd64 machine, with Linux and three command lines',
    { ...needsInstaller('amd64', 'qemu-system-x86_64'), timeout: 1_500_000 },
    async () => {
      const kernel = await readFile(join(installerFolder('amd64'), 'linux'))
      await bootThreeTimes('c3.small.x86', (which) => ({
        kernel,
        cmdline: `console=ttyS1,115200n8 boot=${which}`,
        says: `boot=${which}`,
      }))
    },
  )
})
