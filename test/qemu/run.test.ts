// Images made by others, and the demo's, on real machines: QEMU, the iPXE ROM, and the built program.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { needs } from '../helpers/needs.ts'
import { findFreePort } from '../helpers/port.ts'
import { program } from '../helpers/program.ts'
import { installerFolder, needsInstaller } from './installer.ts'

const execute = promisify(execFile)

/** Boots the installer's image on a machine of the plan until it asks for a language. */
async function bootInstaller(arch: string, plan: string, console: string): Promise<{ stdout: string; stderr: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-installer-'))
  try {
    await symlink(join(installerFolder(arch), 'linux'), join(folder, 'debian-kernel'))
    await symlink(join(installerFolder(arch), 'initrd.gz'), join(folder, 'debian-initrd.img'))
    await writeFile(join(folder, 'debian-cmdline'), `console=${console} priority=low\n`)
    const place = `127.0.0.1:${await findFreePort()}`
    const where = ['-serve', place, '-base-url', `http://${place}`, '-machine', plan]
    const run = [process.execPath, program, 'run', 'equinixmetal', ...where, '-wait-for', 'Choose language', 'debian']
    return await execute(process.execPath, [program, 'lab', '-machines', 'qemu', '--', ...run], {
      cwd: folder,
      env: { ...process.env, XDG_STATE_HOME: folder },
      maxBuffer: 2 ** 26,
    })
  } finally {
    await rm(folder, { recursive: true })
  }
}

const rows = [
  {
    arch: 'amd64',
    plan: 'baremetal_0',
    console: 'ttyS1,115200n8',
    qemu: 'qemu-system-x86_64',
    firmware: /iPXE 1\.0\.0\S* -- Open Source Network Boot Firmware/,
  },
  {
    arch: 'arm64',
    plan: 'c3.large.arm64',
    console: 'ttyAMA0,115200',
    qemu: 'qemu-system-aarch64',
    // The lab's own iPXE begins before a console is attached: its first lines may be missed.
    firmware: /debian-initrd\.img\.\.\. ok/,
  },
]

describe('run in a lab with QEMU', () => {
  for (const { arch, plan, console, qemu, firmware } of rows) {
    test(`boots the Debian installer's ${arch} image to its first screen`, needsInstaller(arch, qemu), async () => {
      const { stdout, stderr } = await bootInstaller(arch, plan, console)
      expect(stdout).toMatch(firmware)
      // A long download first shows percentages.
      expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+\/debian-kernel\.\.\..* ok/)
      expect(stderr).toMatch(/GET \/debian-initrd\.img 200 \d{8} bytes/)
      expect(stderr).toMatch(/The machine \S+ is deleted\./)
    })
  }

  test(
    'npm run demo boots its image, without a terminal, and ends by itself',
    { ...needs('qemu-system-x86_64', 'apt-get'), timeout: 900_000 },
    async () => {
      const demo = join(import.meta.dirname, '../../scripts/demo.sh')
      // The usual port is taken.
      const taken = createServer()
      taken.listen(8080, '127.0.0.1').on('error', () => {})
      onTestFinished(() => void taken.close())
      const env = { ...process.env, METAL_LAB_MACHINES: 'qemu' }
      const running = execute('sh', [demo], { env, maxBuffer: 2 ** 26 })
      running.child.stdin?.end()
      const { stdout, stderr } = await running
      expect(stdout).toMatch(/iPXE 1\.0\.0\S* -- Open Source Network Boot Firmware/)
      expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+\/demo-kernel\.\.\..* ok/)
      expect(stdout).toContain('demo machine is up')
      expect(stdout).toMatch(/keys +1, from the metadata service/)
      expect(stderr).toMatch(/The machine \S+ is deleted\./)
    },
  )
})
