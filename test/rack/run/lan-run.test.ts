// An unchanged `metalkit run` on machines of one's own: firmware and iPXE made by others, BMCs made by others, on a LAN whose DHCP
// server knows nothing of this rack.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../helpers/lab.ts'
import { needs, needsPython } from '../../helpers/needs.ts'
import { Lan, needsLan, rackAddress, routerAddress } from '../netboot/lan.ts'
import { linuxSays, makeLinuxImage, needsKernel } from '../netboot/linux.ts'
import { addBoard, type Board } from './boards.ts'
import { type Client, RackProgram } from './rack-program.ts'

const programs = needs('ipmi_sim', 'ipmitool', 'socat', 'curl', 'openssl')
const skip = {
  skip: needsLan().skip || needsKernel().skip || programs.skip || needsPython('pyghmi').skip,
  timeout: 300_000,
}

const macs = {
  redfish: '52:54:00:aa:00:01',
  sim: '52:54:00:aa:00:02',
  pyghmi: '52:54:00:aa:00:03',
  commands: '52:54:00:aa:00:04',
}
const stranger = '52:54:00:bb:00:01'

/** Each machine has a plan of its own, so that a run names its machine. */
function fileOf(boards: readonly Board[], dhcp = 'proxy'): unknown {
  const machines = boards.map(({ section }) => ({ ...section, plan: section['name'] }))
  const plans = Object.fromEntries(machines.map(({ plan }) => [plan, {}]))
  return { network: { address: rackAddress, dhcp }, plans, machines }
}

/** Runs the image on the machine of a plan. */
function run(rack: RackProgram, prefix: string, plan: string, port: number, ...more: string[]): Client {
  const serve = ['-serve', `${rackAddress}:${port}`, '-base-url', `http://${rackAddress}:${port}`]
  return rack.metalkit('run', 'equinixmetal', '-metro', 'home', '-machine', plan, ...serve, ...more, prefix)
}

/** Waits for the end of a run that has to find Linux on the console, and sees its machine off. */
async function endsInLinux(client: Client, board: Board): Promise<void> {
  const code = await client.code
  expect(code, `${client.seen.err}\n${client.seen.out}\n${board.text()}`).toBe(0)
  expect(client.seen.out).toContain(linuxSays)
  expect([board.machine.isOn, board.machine.boot, board.machine.starts]).toEqual([false, 'none', 1])
}

const untilLinux = ['-wait-for', linuxSays, '-timeout', '2m']

describe('run on a rack', skip, () => {
  let lan: Lan
  let prefix: string
  let rack: RackProgram
  let boards: Record<'sim' | 'pyghmi' | 'redfish' | 'commands', Board>

  beforeAll(async () => {
    lan = await new Lan().open()
    prefix = makeLinuxImage(lan.folder)
    boards = {
      sim: await addBoard(lan, { name: 'sim', mac: macs.sim, firmware: 'bios', by: 'ipmi_sim', port: 6231 }),
      pyghmi: await addBoard(lan, {
        name: 'pyghmi',
        mac: macs.pyghmi,
        firmware: 'uefi',
        by: 'pyghmi',
        tty: 'ttyS0',
        port: 6232,
      }),
      redfish: await addBoard(lan, {
        name: 'redfish',
        mac: macs.redfish,
        firmware: 'uefi',
        by: 'redfish',
        boot: 'http',
        port: 6233,
      }),
      commands: await addBoard(lan, {
        name: 'commands',
        mac: macs.commands,
        firmware: 'bios',
        by: 'commands',
        boot: 'order',
        port: 0,
      }),
    }
    rack = new RackProgram({ folder: lan.folder, before: lan.rackHost.before }, fileOf(Object.values(boards)))
    await rack.start()
  })
  afterAll(async () => {
    await rack?.[Symbol.asyncDispose]()
    for (const board of Object.values(boards ?? {})) await board[Symbol.asyncDispose]()
    await lan[Symbol.asyncDispose]()
  })

  test('UEFI PXE, switched by pyghmi, ends in Linux on its ttyS0, which the image does not name', async () => {
    const folder = join(lan.folder, 'plain')
    mkdirSync(folder)
    await endsInLinux(run(rack, makeLinuxImage(folder, ''), 'pyghmi', 8081, ...untilLinux), boards.pyghmi)
    expect(boards.pyghmi.text()).toContain('snponly.efi')
  })

  test('UEFI HTTP Boot, switched by Redfish, ends in Linux on the console and is off after it', async () => {
    await endsInLinux(run(rack, prefix, 'redfish', 8082, ...untilLinux), boards.redfish)
    expect(boards.redfish.text()).toMatch(/HTTP Boot|snponly\.efi/)
  })

  test("a network card's iPXE, switched by ipmi_sim: console, reboot, power off, delete", async () => {
    const { machine } = boards.sim
    const typed = ['-on', linuxSays, '-send', 'echo typed-$((6*7))\\r']
    const client = run(rack, prefix, 'sim', 8083, '-always-pxe', '-timeout', '2m', ...typed)
    const shows = async (text: string, times = 1) => {
      await waitUntil(
        () => [client.seen.out.split(text).length - 1, client.process.exitCode, client.seen.err],
        ([count, code]) => Number(count) >= times || code !== null,
        240_000,
      )
      expect(client.seen.out.split(text).length - 1, client.seen.err).toBeGreaterThanOrEqual(times)
    }
    await shows('typed-42')
    const { json } = await rack.call('GET', `/projects/${rack.projectId}/devices`)
    const { id } = json.devices[0]
    expect((await rack.call('POST', `/devices/${id}/actions`, { type: 'reboot' })).status).toBe(202)
    await shows(linuxSays, 2)
    await rack.waitForState(id, 'active')
    expect([machine.starts, machine.words.filter((word) => word === 'set reset 1')]).toEqual([1, ['set reset 1']])
    expect((await rack.call('POST', `/devices/${id}/actions`, { type: 'power_off' })).status).toBe(202)
    // The run ends with its machine, and deletes the device.
    await client.code
    await rack.waitForState(id, 'gone')
    expect([machine.isOn, machine.boot]).toEqual([false, 'none'])
  })

  test('a machine that is not armed, or not of the rack, gets nothing', async () => {
    const sent = await lan.sniff(`udp and src host ${rackAddress} and src portrange 1-4999`)
    const { machine } = boards.commands
    const other = lan.powerOn('bios', stranger)
    machine.switchOn()
    await expect.poll(() => boards.commands.text(), { timeout: 120_000 }).toContain('No bootable device')
    await expect.poll(other.text, { timeout: 120_000 }).toContain('No bootable device')
    expect(sent()).toEqual([])
    // Somebody uses the machine: it is not a device's.
    const { status, json } = await rack.create({ plan: 'commands' })
    await other.off()
    if (status === 201) await rack.waitForState(json.id, 'failed')
    expect(machine.starts).toBe(1)
    expect(machine.isOn).toBe(true)
  })
})

// A network card with iPXE in its ROM stands for one whose ROM has only PXE: the DHCP server tells it to load undionly.kpxe, as it
// would tell every ROM, and names the rack's script only to that.
const routerScript = `#!ipxe
iseq \${net0/chip} undionly && chain http://${rackAddress}:7071/boot/mac/\${mac:hexhyp} ||
chain http://${routerAddress}:8000/undionly.kpxe
`

describe('run on a rack whose router names the boot files', { ...skip, timeout: 400_000 }, () => {
  test('undionly.kpxe over UNDI, switched by commands, ends in Linux on the console and is off after it', async () => {
    await using lan = await new Lan().open([`dhcp-boot=http://${routerAddress}:8000/undi.ipxe`])
    const files = join(lan.folder, 'router')
    mkdirSync(files)
    writeFileSync(join(files, 'undi.ipxe'), routerScript)
    copyFileSync('/usr/lib/ipxe/undionly.kpxe', join(files, 'undionly.kpxe'))
    lan.router.start('busybox', 'httpd', '-f', '-p', `${routerAddress}:8000`, '-h', files)
    const options = { name: 'undi', mac: macs.commands, firmware: 'bios', by: 'commands', port: 0 } as const
    await using board = await addBoard(lan, options)
    await using rack = new RackProgram({ folder: lan.folder, before: lan.rackHost.before }, fileOf([board], 'none'))
    await rack.start()
    const image = makeLinuxImage(lan.folder)
    await endsInLinux(run(rack, image, 'undi', 8081, '-wait-for', linuxSays, '-timeout', '4m'), board)
    expect(board.text()).toContain('using undionly')
    expect(board.machine.words).toEqual(expect.arrayContaining(['set boot pxe', 'set power 1', 'set power 0']))
  })
})
