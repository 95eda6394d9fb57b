// Virtual media over Redfish, against a BMC of our own with the vices of real ones.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BmcError } from '../../src/rack/bmc/bmc-error.ts'
import { RedfishClient } from '../../src/rack/bmc/redfish/client.ts'
import type { RedfishSettings } from '../../src/rack/file/power-settings.ts'
import { RedfishPower } from '../../src/rack/power/redfish.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { failureOf, fastWaits, secretsOf } from './machine.ts'
import { bmcPassword, bmcUser, type RedfishBmc, startRedfishBmc, type Vices } from './redfish-bmc.ts'

const never = new AbortController().signal
const mediaUrl = 'http://192.0.2.10:7071/boot/media/rack.iso'

describe('with a BMC', needs('openssl'), () => {
  let folder: TestFolder
  let bmc: RedfishBmc
  const powers: RedfishPower[] = []

  beforeEach(async () => {
    folder = makeFolder()
    bmc = await startRedfishBmc(folder.path)
  })
  afterEach(async () => {
    for (const power of powers.splice(0)) await power[Symbol.asyncDispose]()
    await bmc[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  function open(url = mediaUrl): RedfishPower {
    const settings: RedfishSettings = {
      kind: 'redfish',
      url: bmc.url,
      user: bmcUser,
      password: { env: 'BMC_PASSWORD' },
      certificate: bmc.fingerprint,
      system: undefined,
      auth: 'basic',
    }
    const report = { debug() {} }
    const tools = { machine: 'r1', secrets: secretsOf(bmcPassword), clock: fastWaits, report }
    const client = new RedfishClient(settings, tools)
    const options = { system: undefined, firmware: 'uefi', boot: 'media', mediaUrl: url, clock: fastWaits } as const
    const power = new RedfishPower(client, options)
    powers.push(power)
    return power
  }

  /** The images that are inserted, by slot. */
  function inserted(): (string | null)[] {
    return Object.values(bmc.media.all).flatMap((slot) => (slot.inserted ? [slot.image] : []))
  }

  /** The bodies of the requests that insert. */
  function insertions(): unknown[] {
    return bmc.seen.filter(({ path }) => path.endsWith('.InsertMedia')).map(({ body }) => body)
  }

  test('the image is inserted, set to boot once, and ejected with the override', async () => {
    const power = open()
    expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
    expect(bmc.media.all['2']).toMatchObject({ image: mediaUrl, inserted: true })
    expect(bmc.boot).toMatchObject({ BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' })
    expect(insertions()).toEqual([{ Image: mediaUrl }])
    await power.clearBoot(never)
    expect(inserted()).toEqual([])
    expect(bmc.boot['BootSourceOverrideEnabled']).toBe('Disabled')
  })

  test.each<[string, Vices]>([
    ['has its slots under the system', { slotsUnderSystem: true }],
    ['refuses Inserted and WriteProtected', { refusesInserted: true }],
    ['wants TransferProtocolType', { needsProtocol: true }],
    ['wants TransferProtocolType, and refuses Inserted', { needsProtocol: true, refusesInserted: true }],
    ['refuses TransferProtocolType', { refusesProtocol: true }],
    ['wants a user', { needsUser: true }],
    ['inserts by PATCH', { mediaByPatch: true }],
    ['inserts by PATCH with an ETag', { mediaByPatch: true, slotNeedsEtag: true }],
    ['keeps the names of an image after its eject', { keepsImageName: true }],
    ['fails twice, and shows the image as inserted', { failedInserts: 2 }],
    ['fails to eject twice', { failedEjects: 2 }],
    ['ejects for 11 s', { ejectTakesMs: 550 }],
    ['wants an object for an eject', { ejectNeedsObject: true }],
    ['wants no body for an eject', { ejectRefusesBody: true }],
    ['has a slot for its own console', { consoleSlot: true }],
    ['has slots for DVDs', { discTypes: ['DVD'] }],
  ])('a BMC that %s is coped with, twice', async (_name, vices) => {
    Object.assign(bmc.vices, vices)
    const power = open()
    for (let boot = 0; boot < 2; boot++) {
      await power.bootFromNetworkOnce(never)
      expect(inserted()).toEqual([mediaUrl])
      expect(bmc.boot).toMatchObject({ BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' })
      await power.clearBoot(never)
      expect(inserted()).toEqual([])
    }
  })

  test.each<[string, Vices, string]>([
    ['Supermicro, whose Cd is a real drive', { manufacturer: 'Supermicro', targets: ['None', 'Cd', 'UsbCd'] }, 'UsbCd'],
    ['others that offer UsbCd alone', { targets: ['None', 'UsbCd'] }, 'UsbCd'],
    ['others that offer both', { targets: ['None', 'Cd', 'UsbCd'] }, 'Cd'],
  ])('the target for %s', async (_name, vices, target) => {
    Object.assign(bmc.vices, vices)
    await open().bootFromNetworkOnce(never)
    expect(bmc.boot['BootSourceOverrideTarget']).toBe(target)
  })

  test.each<[string, Vices, RegExp, RegExp]>([
    ['has no virtual CD', { noSlots: true }, /has no virtual CD/, /boot: pxe/],
    ['wants a license', { needsLicense: 403 }, /answers 403 \(OemLicenseNotPassed/, /needs a license/],
    ['wants a license, with another status', { needsLicense: 400 }, /answers 400 \(OemLicense/, /needs a license/],
    ['cannot load it', { cannotLoad: true }, /answers 400 \(RAC0904/, /must reach http:\/\/192\.0\.2\.10:7071/],
    ['fails each time', { failedInserts: 99 }, /answers 500/, /must reach/],
    ['accepts it and does nothing', { ignoresInsert: true }, /accepted the request to insert the image, but/, /^/],
    ['cannot boot a CD', { targets: ['None', 'Pxe'] }, /cannot make its machine boot from "Cd"/, /boot: pxe/],
  ])('a BMC that %s is an error, with nothing left in a slot', async (_name, vices, words, hint) => {
    Object.assign(bmc.vices, vices)
    const power = open()
    const { error, text } = await failureOf(power.bootFromNetworkOnce(never))
    expect(text).toMatch(words)
    expect(error).toBeInstanceOf(BmcError)
    expect(String(Reflect.get(Object(error), 'hint') ?? '')).toMatch(hint)
    expect(text).not.toContain(bmcPassword)
    await power.clearBoot(never)
    expect(inserted()).toEqual([])
    // A refusal that no other form of the request changes is not tried in five.
    expect(insertions().length).toBeLessThan(4)
  })

  test.each([
    ['https://ops:s3cret@files.example/rescue.iso?key=s3cret', '"files.example/rescue.iso"'],
    ['//ops:s3cret@files.example/share/rescue.iso', '"rescue.iso"'],
    ['', 'an image without a name'],
  ])('the image of somebody else stays, and is named without its secrets: %s', async (image, named) => {
    const slot = { types: ['CD'], image, name: null, inserted: true }
    Object.assign(bmc.media.all, { 3: slot })
    const power = open()
    const { text } = await failureOf(power.bootFromNetworkOnce(never))
    expect(text).toContain(`has ${named} in its virtual CD, which is not the rack's`)
    expect(text).not.toContain('s3cret')
    expect(insertions()).toEqual([])
    await power.clearBoot(never)
    expect(bmc.media.all['3']).toMatchObject({ image, inserted: true })
  })

  test('an image of the rack at another port, as before its restart, is replaced', async () => {
    await open('http://192.0.2.10:9999/boot/media/rack.iso').bootFromNetworkOnce(never)
    await open().bootFromNetworkOnce(never)
    expect(inserted()).toEqual([mediaUrl])
  })

  test('an image that stays is an error, so that the machine is not free', async () => {
    const power = open()
    await power.bootFromNetworkOnce(never)
    bmc.vices.failedEjects = 99
    await expect(power.clearBoot(never)).rejects.toThrow('refuses to eject the image: it answers 500')
    bmc.vices.failedEjects = 0
    await power.clearBoot(never)
    expect(inserted()).toEqual([])
    // One that was ejected by somebody else is no trouble.
    await power.clearBoot(never)
  })

  test('a BMC without virtual media has nothing to eject', async () => {
    bmc.vices.noSlots = true
    await open().clearBoot(never)
  })
})
