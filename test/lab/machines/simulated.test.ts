import { setTimeout as sleep } from 'node:timers/promises'

import { describe, expect, test } from 'vitest'

import { SerialPort } from '../../../src/lab/cloud/serial-port.ts'
import type { MachineSpec } from '../../../src/lab/machines/driver.ts'
import { createSimulatedDriver } from '../../../src/lab/machines/simulated/simulated.ts'
import { runCommand, SimulatedShell } from '../../../src/lab/machines/simulated/shell.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { fakeArm64Image, fakeBzImage } from '../../helpers/image.ts'
import { bootScriptFor, type Served, serveFiles } from './boot-files.ts'

async function powerOn(files: Record<string, Served>, spec: Partial<MachineSpec> = {}, selfTestMs = 0) {
  const server = await serveFiles({ k: fakeBzImage(), i: 'initrd', ...files })
  server.files['auto.ipxe'] ??= bootScriptFor(server.url)
  const machine = await createSimulatedDriver({ lineDelayMs: 1, selfTestMs }).powerOn({
    id: 'id',
    hostname: 'box',
    arch: 'x86_64',
    cpus: 1,
    memoryMib: 1024,
    macs: ['02:00:00:00:00:00'],
    bootUrl: `${server.url}/auto.ipxe`,
    ...spec,
  })
  let screen = ''
  machine.serial.on('data', (bytes: Buffer) => {
    screen += bytes.toString()
  })
  return {
    ...machine,
    server,
    shows: (text: string) =>
      waitUntil(
        () => screen,
        (shown) => shown.includes(text),
      ),
    screen: () => screen,
    async [Symbol.asyncDispose]() {
      await machine[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

const up = '\r\nsimulated machine is up: box\r\n# '

describe('a machine', () => {
  test('prints nothing before a session is at its console', async () => {
    const port = new SerialPort()
    await using machine = await powerOn({}, { attended: port.attended }, 60_000)
    await sleep(100)
    expect(machine.screen()).toBe('')
    port.attach(
      () => {},
      () => {},
    )
    await machine.shows(up)
  })

  test('boots by itself if no session comes', async () => {
    await using machine = await powerOn({}, { attended: new Promise(() => {}) }, 20)
    await machine.shows(up)
  })

  test('can be switched off while it waits for a session', async () => {
    const machine = await powerOn({}, { attended: new Promise(() => {}) }, 60_000)
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
  })

  test('boots into its shell and powers off from it', async () => {
    await using machine = await powerOn({})
    await machine.shows(up)
    machine.serial.write('cat /proc/cmdline\r')
    await machine.shows('\r\nip=dhcp nomodeset ro serial console=ttyS1,115200\r\n# ')
    machine.serial.write('poweroff\r')
    expect(await machine.off).toEqual({ reason: 'poweroff' })
    expect(machine.screen().endsWith('reboot: Power down\r\n')).toBe(true)
  })

  test('takes its name from the metadata service', async () => {
    await using machine = await powerOn({ '2009-04-04/meta-data/hostname': 'renamed' })
    await machine.shows('\r\nsimulated machine is up: renamed\r\n# ')
    machine.serial.write('hostname\r')
    await machine.shows('hostname\r\nrenamed\r\n# ')
    expect(machine.server.requests.map(({ path }) => path)).toContain('events')
  })

  test('without a console on this line boots, but neither prints nor reads', async () => {
    await using machine = await powerOn({})
    machine.server.files['auto.ipxe'] = bootScriptFor(machine.server.url, 'console=ttyS0 console=tty0')
    await waitUntil(
      () => machine.server.requests.filter(({ path }) => path === 'i').length,
      (count) => count === 1,
    )
    await machine.shows('/i... ok\r\n')
    machine.serial.write('poweroff\r')
    const ended = await Promise.race([machine.off, new Promise((resolve) => setTimeout(resolve, 100, 'still on'))])
    expect(ended).toBe('still on')
    expect(machine.screen().endsWith('/i... ok\r\n')).toBe(true)
  })

  test.each<[arch: MachineSpec['arch'], console: string, script: string, shown: string]>([
    ['x86_64', 'ttyS1', 'kernel k console=ttyS1\nboot', 'Unable to mount root fs'],
    ['aarch64', 'ttyAMA0', 'initrd --name initrd i\nkernel arm initrd=initrd console=ttyAMA0\nboot', up],
    ['aarch64', 'ttyAMA0', 'initrd i\nkernel arm console=ttyAMA0\nboot', 'Unable to mount root fs'],
    ['aarch64', 'none', 'kernel gz\nboot', 'Could not boot image: Exec format error'],
  ])('on %s with %s: %j', async (arch, _, script, shown) => {
    const files = { arm: fakeArm64Image(), gz: Buffer.from('1f8b08', 'hex'), 'auto.ipxe': `#!ipxe\n${script}` }
    await using machine = await powerOn(files, { arch })
    await machine.shows(shown)
  })

  test.each<[script: Served, lines: string[]]>([
    ['#!ipxe\nexit', ['auto.ipxe... ok', 'No more network devices', 'No bootable device.']],
    [
      404,
      ['auto.ipxe... Not found (http://ipxe.org/2d0c618e)', 'Could not boot image: Not found', 'No bootable device.'],
    ],
    ['\n#!ipxe', ['Could not boot image: Exec format error (http://ipxe.org/2e022001)', 'No bootable device.']],
    ['#!ipxe\nkernel x', ['/x... Not found', 'Could not boot image: Not found', 'No bootable device.']],
  ])('that does not boot says why, and stays on: %j', async (script, lines) => {
    await using machine = await powerOn({ 'auto.ipxe': script })
    await machine.shows('No bootable device.')
    let from = 0
    for (const line of lines.map((one) => one.replace(/^\/x/, 'x'))) {
      const at = machine.screen().indexOf(line, from)
      expect(at, `${line} in ${machine.screen()}`).toBeGreaterThanOrEqual(from)
      from = at + 1
    }
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
  })

  test('can be switched off in the middle of a download', async () => {
    await using machine = await powerOn({ 'auto.ipxe': '#!ipxe\nsleep 1000' })
    await machine.shows('auto.ipxe... ok')
    await machine[Symbol.asyncDispose]()
    expect(await machine.off).toEqual({ reason: 'switched-off' })
  })
})

describe('the shell', () => {
  test.each<[typed: string, screen: string]>([
    ['echo hi\r', 'echo hi\r\nhi\n# '],
    ['echo hi\r\n', 'echo hi\nhi\n# '],
    ['echo  a   b\n', 'echo  a   b\na b\n# '],
    ['\r', '\n# '],
    ['ex\u007f\u007f\u007fecho x\r', 'ex\b \b\b \becho x\nx\n# '],
    ['junk\u0015echo x\r', 'junk\b \b\b \b\b \b\b \becho x\nx\n# '],
    ['echo no\u0003', 'echo no^C\n# '],
    ['echo é\u007f\r', 'echo é\b \b\n\n# '],
    ['\u001b\t\u0001\r', '\n# '],
    ['uname\r', 'uname\nLinux\n# '],
    ['uname -a\r', 'uname -a\nLinux box 0.0.0-simulated x86_64\n# '],
    ['hostname\r', 'hostname\nbox\n# '],
    ['cat /etc/passwd\r', "cat /etc/passwd\ncat: can't open '/etc/passwd': No such file or directory\n# "],
    ['frob\r', 'frob\nsh: frob: not found\n# '],
    ['exit\r', 'exit\nstarting another shell\n# '],
  ])('%j', (typed, screen) => {
    let shown = ''
    const machine = { hostname: 'box', arch: 'x86_64', commandLine: '' } as const
    const shell = new SimulatedShell(
      machine,
      (text) => {
        shown += text
      },
      () => {},
    )
    shell.type(Buffer.from(typed))
    expect(shown).toBe(`# ${screen.replace('\r\n', '\n')}`)
  })

  test('knows every command that its help lists', () => {
    const machine = { hostname: 'box', arch: 'x86_64', commandLine: '' } as const
    const names = runCommand('help', machine).text.split(': ')[1]?.trim().split(' ') ?? []
    expect(names.length).toBeGreaterThan(5)
    for (const name of names) expect(runCommand(name, machine).text).not.toContain('not found')
  })
})
