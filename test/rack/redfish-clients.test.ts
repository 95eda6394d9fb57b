// Our own Redfish BMC is held to what other people's clients accept: redfishtool (DMTF), python3-sushy (OpenStack) and ilorest (HPE).
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findPython, needs, needsPython } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { bmcPassword, bmcUser, type RedfishBmc, startRedfishBmc } from './redfish-bmc.ts'

const run = promisify(execFile)

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

describe('ilorest', needs('ilorest', 'openssl'), () => {
  test('reads and changes a system', async () => {
    const env = { ...process.env, HOME: folder.path }
    const ilorest = async (...words: string[]) => {
      const common = ['--nologo', '--cache-dir', folder.path, '--logdir', folder.path, '--redfish']
      return (await run('ilorest', [...common, ...words], { env })).stdout
    }
    const login = ['--url', `127.0.0.1:${bmc.port}`, '-u', bmcUser, '-p', bmcPassword]
    const path = '/redfish/v1/Systems/1'
    expect(JSON.parse((await ilorest('rawget', path, '--silent', ...login)).replace(/^[^{]*/, ''))).toMatchObject({
      Id: '1',
    })
    const patch = folder.write('patch.json', JSON.stringify({ [path]: { Boot: { BootSourceOverrideTarget: 'Pxe' } } }))
    await ilorest('rawpatch', patch, ...login)
    expect(bmc.boot['BootSourceOverrideTarget']).toBe('Pxe')
    const reset = folder.write(
      'reset.json',
      JSON.stringify({ [`${path}/Actions/ComputerSystem.Reset`]: { ResetType: 'On' } }),
    )
    await ilorest('rawpost', reset, ...login)
    expect(bmc.power).toBe('On')
  })
})
