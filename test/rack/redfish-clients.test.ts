// Our own Redfish BMC is held to what other people's clients accept: redfishtool (DMTF), python3-sushy (OpenStack) and ilorest (HPE).
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findPython, needs, needsPython } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { bmcPassword, bmcUser, type RedfishBmc, startRedfishBmc, type Vices } from './redfish-bmc.ts'

const run = promisify(execFile)
const image = 'http://192.0.2.10:7071/boot/media/rack.iso'

let folder: TestFolder
let bmc: RedfishBmc

beforeEach(async () => {
  folder = makeFolder()
  bmc = await startRedfishBmc(folder.path)
})
afterEach(async () => {
  await bmc[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

test.each(['Basic', 'Session'])('redfishtool, %s', needs('redfishtool', 'openssl'), async (auth) => {
  const login = ['-r', `127.0.0.1:${bmc.port}`, '-S', 'Always', '-u', bmcUser, '-p', bmcPassword, '-A', auth]
  const tool = async (...words: string[]) => (await run('redfishtool', [...login, 'Systems', '-1', ...words])).stdout
  expect(JSON.parse(await tool())).toMatchObject({ PowerState: 'Off', Id: '1' })
  await tool('setBootOverride', 'Once', 'Pxe')
  expect(bmc.boot).toMatchObject({ BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' })
  await tool('reset', 'On')
  expect(bmc.power).toBe('On')
  expect(await tool('EthernetInterfaces', '-a')).toContain('52:54:00:AA:00:01')
  await tool('reset', 'ForceOff')
  expect(bmc.power).toBe('Off')
})

test('redfishtool inserts and ejects an image', needs('redfishtool', 'openssl'), async () => {
  const login = ['-r', `127.0.0.1:${bmc.port}`, '-S', 'Always', '-u', bmcUser, '-p', bmcPassword, '-A', 'Basic']
  const raw = async (...words: string[]) => (await run('redfishtool', [...login, 'raw', ...words])).stdout
  const slot = '/redfish/v1/Managers/1/VirtualMedia/2'
  const empty = { MediaTypes: ['CD', 'DVD'], Inserted: false, Image: null }
  expect(JSON.parse(await raw('GET', slot))).toMatchObject(empty)
  await raw('POST', `${slot}/Actions/VirtualMedia.InsertMedia`, '-d', JSON.stringify({ Image: image }))
  expect(JSON.parse(await raw('GET', slot))).toMatchObject({ Inserted: true, Image: image, ImageName: 'rack.iso' })
  await raw('POST', `${slot}/Actions/VirtualMedia.EjectMedia`, '-d', '{}')
  expect(JSON.parse(await raw('GET', slot))).toMatchObject(empty)
})

const sushy = `
import sys, sushy
url, user, password, ca = sys.argv[1:]
conn = sushy.Sushy(url + '/redfish/v1', username=user, password=password, verify=ca)
system = conn.get_system(conn.get_system_collection().members_identities[0])
assert system.power_state == sushy.PowerState.OFF, system.power_state
system.set_system_boot_options(target=sushy.BOOT_SOURCE_TARGET_PXE, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE, mode=sushy.BOOT_SOURCE_MODE_UEFI)
system.reset_system(sushy.RESET_ON)
system.refresh()
print(system.power_state.value, system.boot.target.value, system.uuid, list(system.ethernet_interfaces.summary))
system.reset_system(sushy.RESET_FORCE_OFF)
`

test('python3-sushy', needsPython('sushy'), async () => {
  const python = findPython('sushy') ?? 'python3'
  const env = { ...process.env, REQUESTS_CA_BUNDLE: bmc.certificateFile }
  const { stdout } = await run(python, ['-c', sushy, bmc.url, bmcUser, bmcPassword, bmc.certificateFile], { env })
  expect(stdout.trim()).toBe("On Pxe 4C4C4544-0042-3510-8052-B4C04F4D3732 ['52:54:00:AA:00:01']")
  expect(bmc.power).toBe('Off')
})

const sushyMedia = `
import sys, sushy
url, user, password, ca, image = sys.argv[1:]
conn = sushy.Sushy(url + '/redfish/v1', username=user, password=password, verify=ca)
system = conn.get_system(conn.get_system_collection().members_identities[0])
slots = system.managers[0].virtual_media.get_members()
slot = next(each for each in slots if sushy.VIRTUAL_MEDIA_CD in each.media_types)
assert not slot.inserted
slot.insert_media(image)
slot.refresh()
assert slot.inserted and slot.image == image, (slot.inserted, slot.image)
system.set_system_boot_options(target=sushy.BOOT_SOURCE_TARGET_CD, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE)
print(slot.identity, slot.image_name, slot.connected_via.value)
slot.eject_media()
slot.refresh()
assert not slot.inserted
`

test.each<[string, Vices]>([
  ['without vices', {}],
  ['that wants TransferProtocolType, and refuses Inserted', { needsProtocol: true, refusesInserted: true }],
  ['without actions', { mediaByPatch: true, slotNeedsEtag: true }],
  ['that wants an object for an eject', { ejectNeedsObject: true }],
])('python3-sushy inserts and ejects an image with a BMC %s', needsPython('sushy'), async (_name, vices) => {
  Object.assign(bmc.vices, vices)
  const python = findPython('sushy') ?? 'python3'
  const env = { ...process.env, REQUESTS_CA_BUNDLE: bmc.certificateFile }
  const words = ['-c', sushyMedia, bmc.url, bmcUser, bmcPassword, bmc.certificateFile, image]
  expect((await run(python, words, { env })).stdout.trim()).toBe('2 rack.iso URI')
  expect(bmc.boot).toMatchObject({ BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' })
  expect(bmc.media.all['2']?.inserted).toBe(false)
})

async function ilorest(...words: string[]): Promise<string> {
  const env = { ...process.env, HOME: folder.path }
  const common = ['--nologo', '--cache-dir', folder.path, '--logdir', folder.path, '--redfish']
  const login = ['--url', `127.0.0.1:${bmc.port}`, '-u', bmcUser, '-p', bmcPassword]
  return (await run('ilorest', [...common, ...words, ...login], { env })).stdout
}

describe('ilorest', needs('ilorest', 'openssl'), () => {
  test('inserts and ejects an image', async () => {
    bmc.vices.hpe = true
    expect(await ilorest('virtualmedia')).toContain('[2] Media Types Available: CD DVD  Image Inserted: None')
    await ilorest('virtualmedia', '2', image)
    expect(bmc.media.all['2']).toMatchObject({ inserted: true, image })
    await ilorest('virtualmedia', '2', '--remove')
    expect(bmc.media.all['2']).toMatchObject({ inserted: false, image: null })
  })

  test('reads and changes a system', async () => {
    const path = '/redfish/v1/Systems/1'
    expect(JSON.parse((await ilorest('rawget', path, '--silent')).replace(/^[^{]*/, ''))).toMatchObject({
      Id: '1',
    })
    const patch = folder.write('patch.json', JSON.stringify({ [path]: { Boot: { BootSourceOverrideTarget: 'Pxe' } } }))
    await ilorest('rawpatch', patch)
    expect(bmc.boot['BootSourceOverrideTarget']).toBe('Pxe')
    const reset = folder.write(
      'reset.json',
      JSON.stringify({ [`${path}/Actions/ComputerSystem.Reset`]: { ResetType: 'On' } }),
    )
    await ilorest('rawpost', reset)
    expect(bmc.power).toBe('On')
  })
})
