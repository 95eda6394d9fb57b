import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { LabError } from '../../src/errors.ts'
import type { MachineSpec } from '../../src/lab/machines/driver.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { createReporter } from '../../src/io.ts'
import { needs } from '../helpers/needs.ts'
import { installerProgram, poweroffProgram, resetProgram, startBootServer } from './boot-server.ts'
import { watch } from './watch.ts'
import { nowhere } from '../helpers/nowhere.ts'

const report = createReporter({ stderr: process.stderr, verbosity: -1 })
const spec: Omit<MachineSpec, 'bootUrl'> = {
  id: '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c',
  hostname: 'web1',
  arch: 'x86_64',
  cpus: 1,
  memoryMib: 256,
  macs: ['0c:c4:7a:00:00:01'],
}

const diskFolder = join(mkdtempSync(join(tmpdir(), 'metalkit-disks-')), 'disks')
afterAll(() => rmSync(diskFolder, { recursive: true, force: true }))

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Skips if there is no UEFI firmware, except in CI. */
function needsOvmf(): { skip: boolean; timeout: number } {
  const there = existsSync('/usr/share/OVMF/OVMF_CODE_4M.fd')
  if (!there) process.stderr.write('skipped: ovmf not installed\n')
  return { skip: !there && process.env['CI'] !== 'true', timeout: 300_000 }
}

describe('a QEMU machine', { ...needs('qemu-system-x86_64'), timeout: 300_000 }, () => {
  test('boots the URL through its iPXE, prints and reads on ttyS1, and starts again when it is reset', async () => {
    const path = '/a,restrict=on/x.ipxe'
    await using server = await startBootServer({
      [path]: '#!ipxe\necho the script of ${hostname} runs\nprompt --key 0x79 press y\necho y came\nchain /reset\n',
      '/reset': resetProgram,
    })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, bootUrl: server.url + path })
    const screen = watch(machine.serial)
    await screen.shows('press y')
    expect(screen.text()).toContain('SeaBIOS')
    expect(screen.text()).toContain('the script of web1 runs')
    expect(server.asked).toEqual([path])
    machine.serial.write('y')
    await screen.shows('y came')
    while (server.asked.filter((one) => one === path).length < 2)
      await new Promise((resolve) => setTimeout(resolve, 50))
  })

  test('goes off when its plug is pulled, and reports that', async () => {
    const driver = await createQemuDriver({ diskFolder, report })
    const machine = await driver.powerOn({ ...spec, bootUrl: 'http://127.0.0.1:1/x.ipxe' })
    const screen = watch(machine.serial)
    await screen.shows('SeaBIOS')
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
    await machine[Symbol.asyncDispose]()
  })

  test('keeps its disk when it is reset or switched off, and boots from it when the script says exit', async () => {
    const scripts: Record<string, string | Buffer> = { '/x.ipxe': '#!ipxe\nchain /installer\n' }
    await using server = await startBootServer({ ...scripts, '/installer': installerProgram })
    const driver = await createQemuDriver({ diskFolder, report })
    {
      await using machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
      machine.serial.resume()
      // When it requests the script for the second time it has been reset, so the sector is written.
      const first = () => server.asked.slice(0, 3)
      await expect.poll(first).toEqual(['/x.ipxe', '/installer', '/x.ipxe'])
    }
    expect(statSync(join(diskFolder, `${spec.id}.raw`))).toMatchObject({ size: 8 * 1024 ** 3, mode: 0o100600 })
    expect(statSync(join(diskFolder, `${spec.id}.raw`)).blocks).toBeLessThan(1000)
    await using exits = await startBootServer({ '/x.ipxe': '#!ipxe\n\nexit\n' })
    await using machine = await driver.powerOn({ ...spec, bootUrl: `${exits.url}/x.ipxe` })
    const screen = watch(machine.serial)
    expect(await machine.off).toEqual({ reason: 'poweroff' })
    expect(screen.text()).toContain('booted from the dis')
    await driver.discard?.(spec.id)
    expect(readdirSync(diskFolder)).toEqual([])
  })

  test('with UEFI runs the script through iPXE too, and boots from the disk if it says exit', needsOvmf(), async () => {
    const path = '/x.ipxe'
    await using server = await startBootServer({ [path]: '#!ipxe\necho script for ${hostname} on ${platform}\nexit\n' })
    const driver = await createQemuDriver({ diskFolder, firmware: 'uefi', report })
    await using machine = await driver.powerOn({ ...spec, memoryMib: 512, bootUrl: server.url + path })
    const screen = watch(machine.serial)
    await screen.shows('script for web1 on efi')
    await screen.shows('UEFI QEMU QEMU HARDDISK')
  })

  test('has a TCP port on loopback on request', async () => {
    // iPXE does not listen on any TCP port, so QEMU accepts the connection and then closes it.
    await using server = await startBootServer({ '/x.ipxe': '#!ipxe\nsleep 60\n' })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
    machine.serial.resume()
    const port = (await machine.forward?.(22, 0)) ?? 0
    expect(port).toBeGreaterThan(1023)
    expect(await machine.forward?.(22, 0)).toBe(port)
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
    await expect(machine.forward?.(23, port)).rejects.toThrow(`cannot listen on "127.0.0.1:${port}"`)
  })

  test('goes off by itself when its system says poweroff', async () => {
    await using server = await startBootServer({ '/x.ipxe': '#!ipxe\nchain /off\n', '/off': poweroffProgram })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
    machine.serial.resume()
    expect(await machine.off).toEqual({ reason: 'poweroff' })
  })

  test('that cannot run says why in QEMU’s words', async () => {
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, cpus: 9999, bootUrl: 'http://127.0.0.1:1/' })
    machine.serial.resume()
    expect(await machine.off).toEqual({ reason: 'failed', detail: expect.stringContaining('9999') })
  })

  test('keeps running if nobody reads its output', async () => {
    await using server = await startBootServer({ '/x.ipxe': '#!ipxe\nchain /off\n', '/off': poweroffProgram })
    const driver = await createQemuDriver({ diskFolder, report })
    await using machine = await driver.powerOn({ ...spec, bootUrl: `${server.url}/x.ipxe` })
    expect(await machine.off).toEqual({ reason: 'poweroff' })
  })

  test('a URL that DHCP cannot carry is refused', async () => {
    const driver = await createQemuDriver({ diskFolder, report })
    const refusal = driver.powerOn({ ...spec, bootUrl: `http://127.0.0.1/${'x'.repeat(128)}` })
    await expect(refusal).rejects.toThrow(LabError)
    await expect(refusal).rejects.toThrow(/longer than the 127 bytes/)
  })

  test('is not affected by Ctrl-C, and does not outlive a killed lab', needs('setpriv'), async () => {
    // The driver is bundled, since Node 20 does not run TypeScript, and started in a process that can be killed.
    const folder = mkdtempSync(join(tmpdir(), 'metalkit-test-'))
    const script = `
      import { createQemuDriver } from ${JSON.stringify(join(process.cwd(), 'src/lab/machines/qemu/qemu.ts'))}
      const driver = await createQemuDriver({ diskFolder: ${JSON.stringify(diskFolder)}, report: { debug() {}, info() {}, warn() {} } })
      const machine = await driver.powerOn(${JSON.stringify({ ...spec, bootUrl: 'http://127.0.0.1:1/' })})
      process.on('SIGINT', () => console.log('interrupted'))
      machine.serial.once('data', () => console.log('runs'))`
    const bundle = join(folder, 'out/lab.mjs')
    const rolldown = join(process.cwd(), 'node_modules/.bin/rolldown')
    writeFileSync(join(folder, 'lab.ts'), script)
    execFileSync(rolldown, [
      join(folder, 'lab.ts'),
      '--platform',
      'node',
      '--transform.target',
      'node20.19',
      '--dir',
      join(folder, 'out'),
      '--entry-file-names',
      '[name].mjs',
      '--chunk-file-names',
      '[name].mjs',
      '--log-level',
      'silent',
    ])
    const lab = spawn(process.execPath, [bundle], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
    await new Promise((resolve) => lab.stdout.once('data', resolve))
    const children = execFileSync('ps', ['--ppid', String(lab.pid), '-o', 'pid='], { encoding: 'utf8' })
    const pids = children.trim().split(/\s+/).map(Number).filter(isRunning)
    expect(pids).toHaveLength(1)
    process.kill(-(lab.pid ?? Number.NaN), 'SIGINT')
    await new Promise((resolve) => lab.stdout.once('data', resolve))
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(pids.filter(isRunning)).toEqual(pids)
    lab.kill('SIGKILL')
    await expect.poll(() => pids.filter(isRunning)).toEqual([])
  })
})

test('without QEMU, the error says what to install', async () => {
  const { PATH } = process.env
  process.env['PATH'] = nowhere
  try {
    await expect(createQemuDriver({ diskFolder, report })).rejects.toMatchObject({
      message: '"qemu-system-x86_64" is not installed or does not start',
      hint: expect.stringContaining('apt-get install qemu-system-x86 ipxe-qemu'),
    })
  } finally {
    process.env['PATH'] = PATH
  }
})
