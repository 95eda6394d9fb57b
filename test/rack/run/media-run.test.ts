// An unchanged `metalkit run` on a machine that boots from the rack's disc, on a LAN without DHCP. The BMC is our own, held to other
// people's clients by redfish-clients.test.ts; isolinux, iPXE and the firmware are made by others.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { Lan, needsLan, rackAddress } from '../netboot/lan.ts'
import { linuxSays, makeLinuxImage, needsKernel } from '../netboot/linux.ts'
import { addBoard, type Board } from './boards.ts'
import { RackProgram } from './rack-program.ts'

const skip = {
  skip: needsLan().skip || needsKernel().skip || needs('xorriso', 'curl', 'socat', 'openssl').skip,
  timeout: 300_000,
}
const machineAddress = '10.77.0.51'

describe('boot: media', skip, () => {
  let lan: Lan
  let board: Board
  let rack: RackProgram

  beforeAll(async () => {
    lan = await new Lan().open('no DHCP')
    const options = { name: 'disc', mac: '52:54:00:aa:00:01', firmware: 'bios', by: 'redfish', boot: 'media' } as const
    board = await addBoard(lan, { ...options, port: 6241 })
    const machine = { ...board.section, fixed: { address: `${machineAddress}/24` } }
    const content = { network: { address: rackAddress }, plans: { small: {} }, machines: [machine] }
    rack = new RackProgram({ folder: lan.folder, before: lan.rackHost.before }, content)
    await rack.start()
  })
  afterAll(async () => {
    await rack?.[Symbol.asyncDispose]()
    await board?.[Symbol.asyncDispose]()
    await lan[Symbol.asyncDispose]()
  })

  test('a machine without DHCP boots the disc and ends in Linux; then the disc is ejected', async () => {
    const traffic = await lan.sniff('udp port 67 or udp port 69')
    const url = `http://${rackAddress}:8081`
    const words = ['-metro', 'home', '-machine', 'small', '-serve', `${rackAddress}:8081`, '-base-url', url]
    const wait = ['-wait-for', linuxSays, '-timeout', '3m', '-v']
    const client = rack.metalkit('run', 'equinixmetal', ...words, ...wait, makeLinuxImage(lan.folder))
    const code = await client.code
    expect(code, `${client.seen.err}\n${client.seen.out}\n${board.text()}`).toBe(0)
    expect(client.seen.out).toContain(linuxSays)
    const { isOn, boot, starts, disc } = board.machine
    expect({ isOn, boot, starts, disc }).toEqual({ isOn: false, boot: 'none', starts: 1, disc: undefined })
    expect(traffic()).toEqual([])
  })

  test('a machine that boots a disc left in its drive leaves it at once if no boot is due', async () => {
    const { machine } = board
    const before = board.text().length
    Object.assign(machine, { disc: `http://${rackAddress}:7071/media/rack.iso`, boot: 'cd' })
    machine.switchOn()
    const text = await waitUntil(
      () => board.text().slice(before),
      (seen) => seen.includes('No bootable device'),
      60_000,
    )
    expect(text.split('/media/mac/')).toHaveLength(2)
    await machine.cut()
  })
})
