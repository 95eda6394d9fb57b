// aarch64 machines, for which the lab follows the boot script in place of iPXE.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'

import { createReporter } from '../../src/io.ts'
import type { MachineSpec } from '../../src/lab/machines/driver.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { needs } from '../helpers/needs.ts'
import { fakeArm64Image } from '../helpers/image.ts'
import { arm64PoweroffProgram, arm64ResetProgram, startBootServer, zbootOf } from './boot-server.ts'
import { bootUrlOf, startTestLab } from '../helpers/lab.ts'
import { installerFolder, needsInstaller } from './installer.ts'
import { watch } from './watch.ts'

const arm64 = 'qemu-system-aarch64'

const report = createReporter({ stderr: process.stderr, verbosity: -1 })
const diskFolder = mkdtempSync(join(tmpdir(), 'metalkit-disks-'))
afterAll(() => rmSync(diskFolder, { recursive: true, force: true }))
const spec: Omit<MachineSpec, 'bootUrl'> = {
  id: '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c',
  hostname: 'arm1',
  arch: 'aarch64',
  cpus: 1,
  memoryMib: 256,
  macs: ['0c:c4:7a:00:00:01'],
}

describe('an aarch64 machine', { ...needs('qemu-system-x86_64', 'qemu-system-aarch64'), timeout: 300_000 }, () => {
  test('runs the kernel of its script, follows the script again after a reset, and goes off by itself', async () => {
    await using server = await startBootServer({
      '/x.ipxe': '#!ipxe\necho the script of ${hostname} runs\nkernel /k\nboot\n',
      '/k': arm64ResetProgram,
    })
    const driver = await createQemuDriver({ diskFolder, report })
    // With this computer's address as machines see it, as in the lab's boot URL.
    const bootUrl = `${server.url.replace('127.0.0.1', '10.0.2.2')}/x.ipxe`
    await using machine = await driver.powerOn({ ...spec, bootUrl })
    const screen = watch(machine.serial)
    // It resets repeatedly until the other program is there, so only the beginning of each round is certain.
    await expect.poll(() => server.asked.slice(0, 4)).toEqual(['/x.ipxe', '/k', '/x.ipxe', '/k'])
    expect(screen.text()).toContain('the script of arm1 runs\r\n/k... ok\r\n')
    server.scripts['/k'] = arm64PoweroffProgram
    expect(await machine.off).toEqual({ reason: 'poweroff' })
  })

  test(
    'gets the URL of its metadata service, to pass it on to its kernel',
    needsInstaller('arm64', arm64),
    async () => {
      await using server = await startBootServer({
        '/x': '#!ipxe\nkernel /k console=ttyAMA0 metadata=${metadata_url}\nboot\n',
        '/k': readFileSync(join(installerFolder('arm64'), 'linux')),
      })
      const driver = await createQemuDriver({ diskFolder, report })
      const screens: ReturnType<typeof watch>[] = []
      await using lab = await startTestLab({
        driver: {
          ...driver,
          async powerOn(one) {
            const machine = await driver.powerOn(one)
            screens.push(watch(machine.serial))
            return machine
          },
        },
        capacity: { memoryMib: 2 ** 20, cpus: 64 },
      })
      const body = { plan: 'c3.large.arm64', metro: 'ny', operating_system: 'custom_ipxe' }
      const path = `/projects/${lab.projectId}/devices`
      const { json } = await lab.call('POST', path, { ...body, ipxe_script_url: `${server.url}/x` })
      const port = new URL(lab.apiUrl).port
      await expect
        .poll(() => screens[0]?.text(), { timeout: 120_000 })
        .toContain(
          `Kernel command line: console=ttyAMA0 metadata=http://10.0.2.2:${port}${new URL(bootUrlOf(lab, json.id)).pathname}`,
        )
      // Every user of this computer sees command lines.
      const key = new URL(bootUrlOf(lab, json.id)).pathname.split('/')[2] ?? ''
      const { stdout: processes } = await promisify(execFile)('ps', ['-ww', '-eo', 'args'])
      expect(processes).toContain(json.id)
      expect(processes).not.toContain(key)
    },
  )

  test.each([
    ['gzip', gzipSync(arm64PoweroffProgram), { reason: 'poweroff' }],
    [
      'gzip',
      Buffer.alloc(20, 7),
      { reason: 'failed', detail: expect.stringContaining('gzip data cannot be unpacked') },
    ],
    ['rle', arm64PoweroffProgram, { reason: 'failed', detail: expect.stringContaining('compressed with "rle"') }],
  ])('starts a kernel that unpacks itself (%s)', async (compression, payload, end) => {
    await using server = await startBootServer({
      '/x.ipxe': '#!ipxe\nkernel /k\nboot\n',
      '/k': zbootOf(payload, compression),
    })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
    machine.serial.resume()
    expect(await machine.off).toEqual(end)
  })

  test('refuses a kernel that is compressed, as iPXE for arm64 does, and stays on', async () => {
    await using server = await startBootServer({
      '/x.ipxe': '#!ipxe\nkernel /k\nboot\n',
      '/k': gzipSync(fakeArm64Image()),
    })
    const driver = await createQemuDriver({ diskFolder, report })
    const machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
    const screen = watch(machine.serial)
    await screen.shows('Exec format error')
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
  })

  test('boots from its disk if the script says exit', async () => {
    await using server = await startBootServer({ '/x.ipxe': '#!ipxe\n\nexit\n' })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, memoryMib: 512, bootUrl: `${server.url}/x.ipxe` })
    const screen = watch(machine.serial)
    await screen.shows('Booting from the disk')
    await screen.shows('UEFI')
  })

  test('goes off at once if its plug is pulled while it fetches', async () => {
    await using server = await startBootServer({ '/x.ipxe': '#!ipxe\nsleep 60\n' })
    const driver = await createQemuDriver({ diskFolder, report })
    const machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
    await expect.poll(() => server.asked).toEqual(['/x.ipxe'])
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
  })
})
