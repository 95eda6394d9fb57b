// Images nobody here made, and the demo's, on real machines: QEMU, the iPXE ROM, and the program as it is built.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'

const installer = '/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64'
const execute = promisify(execFile)

/** Skips where the installer's images are not installed, but not in CI. */
function needsInstaller(): { skip: boolean; timeout: number } {
  const there = existsSync(join(installer, 'linux'))
  if (!there) process.stderr.write('skipped: debian-installer-12-netboot-amd64 not installed\n')
  return { skip: needs('qemu-system-x86_64').skip || (!there && process.env['CI'] !== 'true'), timeout: 300_000 }
}

describe('run in a lab with QEMU', () => {
  test("boots the Debian installer's netboot image to its first screen", needsInstaller(), async () => {
    const folder = await mkdtemp(join(tmpdir(), 'metalkit-installer-'))
    try {
      await symlink(join(installer, 'linux'), join(folder, 'debian-kernel'))
      await symlink(join(installer, 'initrd.gz'), join(folder, 'debian-initrd.img'))
      await writeFile(join(folder, 'debian-cmdline'), 'console=ttyS1,115200n8 priority=low\n')
      const run = [program, 'run', 'equinixmetal', '-serve', '127.0.0.1:18080', '-base-url', 'http://127.0.0.1:18080']
      const { stdout, stderr } = await execute(
        process.execPath,
        [program, 'lab', '-machines', 'qemu', '--', process.execPath, ...run, '-wait-for', 'Choose language', 'debian'],
        { cwd: folder, env: { ...process.env, XDG_STATE_HOME: folder }, maxBuffer: 2 ** 26 },
      )
      expect(stdout).toMatch(/iPXE 1\.0\.0\S* -- Open Source Network Boot Firmware/)
      expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:18080\/debian-kernel\.\.\. ok/)
      expect(stderr).toMatch(/GET \/debian-initrd\.img 200 \d{8} bytes/)
      expect(stderr).toMatch(/The machine \S+ is deleted\./)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test(
    'npm run demo boots its image, without a terminal, and ends by itself',
    { ...needs('qemu-system-x86_64', 'apt-get'), timeout: 300_000 },
    async () => {
      const demo = join(import.meta.dirname, '../../scripts/demo.sh')
      const env = { ...process.env, METAL_LAB_MACHINES: 'qemu' }
      const running = execute('sh', [demo], { env, maxBuffer: 2 ** 26 })
      running.child.stdin?.end()
      const { stdout, stderr } = await running
      expect(stdout).toMatch(/iPXE 1\.0\.0\S* -- Open Source Network Boot Firmware/)
      expect(stdout).toMatch(/http:\/\/127\.0\.0\.1:8080\/demo-kernel\.\.\. ok/)
      expect(stdout).toContain('demo machine is up')
      expect(stdout).toMatch(/keys +1, from the metadata service/)
      expect(stderr).toMatch(/The machine \S+ is deleted\./)
    },
  )
})
