// SysRq, from a break on the serial line to the kernel's answer, on a kernel made by others.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createReporter } from '../../src/io.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { startBootServer } from './boot-server.ts'
import { installerFolder, needsInstaller } from './installer.ts'
import { watch } from './watch.ts'

function readImage(name: string): Buffer {
  return readFileSync(join(installerFolder('amd64'), name))
}

test('a break and h: the kernel lists its SysRq keys', needsInstaller('amd64', 'qemu-system-x86_64'), async () => {
  const diskFolder = mkdtempSync(join(tmpdir(), 'metalkit-disks-'))
  try {
    const script = '#!ipxe\nkernel /k console=ttyS1,115200 sysrq_always_enabled rdinit=/bin/sh\ninitrd /i\nboot\n'
    await using server = await startBootServer({
      '/x.ipxe': script,
      '/k': readImage('linux'),
      '/i': readImage('initrd.gz'),
    })
    const report = createReporter({ stderr: process.stderr, verbosity: -1 })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({
      id: '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c',
      hostname: 'web1',
      arch: 'x86_64',
      cpus: 1,
      memoryMib: 1024,
      macs: ['0c:c4:7a:00:00:01'],
      bootUrl: `${server.url}/x.ipxe`,
    })
    const screen = watch(machine.serial)
    await screen.shows('job control turned off')
    machine.sendBreak?.()
    machine.serial.write('h')
    await screen.shows('sysrq: HELP')
    expect(screen.text()).toMatch(/sysrq: HELP : .*reboot\(b\)/)
  } finally {
    rmSync(diskFolder, { recursive: true })
  }
})
