// The boot script of Latitude.sh, run by real iPXE under UEFI, which passes Linux its initrd in another way than BIOS does: Debian's
// installer on a machine of QEMU. The scenario boots each cloud's script with BIOS.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder } from '../../helpers/folder.ts'
import { findFreePort } from '../../helpers/port.ts'
import { program } from '../../helpers/program.ts'
import { installerFolder, needsInstaller } from '../../qemu/installer.ts'

// Without OVMF there is no UEFI, except in CI, where that fails.
const hasUefi = existsSync('/usr/share/OVMF/OVMF_CODE_4M.fd') || process.env['CI'] === 'true'
const skip = !hasUefi || needsInstaller('amd64', 'qemu-system-x86_64').skip

test('a run on latitude boots Linux with UEFI', { skip, timeout: 300_000 }, async () => {
  using folder = makeFolder()
  const prefix = join(folder.path, 'di')
  copyFileSync(join(installerFolder('amd64'), 'linux'), `${prefix}-kernel`)
  copyFileSync(join(installerFolder('amd64'), 'initrd.gz'), `${prefix}-initrd.img`)
  writeFileSync(`${prefix}-cmdline`, 'priority=low')
  const address = `127.0.0.1:${await findFreePort()}`
  const lab = [program, 'lab', '--cloud', 'latitude', '--machines', 'qemu', '--firmware', 'uefi', '--port', '0', '--']
  const serving = ['-serve', address, '-base-url', `http://${address}`]
  const watching = ['-timeout', '4m', '-wait-for', 'Freeing initrd memory']
  const run = [process.execPath, program, 'run', 'latitude', ...serving, ...watching, prefix]
  const env = { ...process.env, HOME: folder.path, XDG_STATE_HOME: join(folder.path, 'state') }
  const child = spawn(process.execPath, [...lab, ...run], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const [code]: unknown[] = await once(child, 'close')
  expect([code, code === 0 ? '' : output]).toEqual([0, ''])
  expect(output).toContain('GET /di-latitude.ipxe 200')
  expect(output).toMatch(/Kernel command line: .*initrd=initrd ip=dhcp/)
  expect(output).toContain('console=ttyS1,115200n8')
  expect(output).toMatch(/^The machine \S+ is deleted\.$/m)
})
