// Power over Redfish, against a BMC of our own with the vices of real ones.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BmcError } from '../../src/rack/bmc/bmc-error.ts'
import type { Power } from '../../src/rack/power/power.ts'
import { createFastClock } from '../helpers/clock.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { failureOf, fastWaits, powerOf } from './machine.ts'
import { bmcPassword, bmcUser, bmcUuid, type RedfishBmc, startRedfishBmc, type Vices } from './redfish-bmc.ts'

const never = new AbortController().signal

describe('with a BMC', needs('openssl'), () => {
  let folder: TestFolder
  let bmc: RedfishBmc
  const powers: Power[] = []

  beforeEach(async () => {
    folder = makeFolder()
    bmc = await startRedfishBmc(folder.path)
  })
  afterEach(async () => {
    for (const power of powers.splice(0)) await power[Symbol.asyncDispose]()
    await bmc[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  /** The power of the machine, with other keys of the file. */
  function open(
    more: Record<string, unknown> = {},
    keys: Record<string, unknown> = {},
    password = bmcPassword,
    clock = fastWaits,
  ) {
    const login = { redfish: bmc.url, user: bmcUser, password: { env: 'BMC_PASSWORD' }, certificate: bmc.fingerprint }
    const opened = powerOf({ ...keys, power: { ...login, ...more } }, password, { clock })
    powers.push(opened.power)
    return opened
  }

  test('a machine is switched on, reset, shut down and off', async () => {
    const { power, lines } = open()
    expect(await power.status(never)).toBe('off')
    await power.on(never)
    expect(bmc.power).toBe('On')
    await power.reset?.(never)
    await power.off(never)
    expect(bmc.power).toBe('Off')
    await power.on(never)
    await power.softOff?.(never)
    const types = bmc.seen.filter(({ method }) => method === 'POST').map(({ body }) => body)
    expect(types).toEqual(
      ['On', 'ForceRestart', 'ForceOff', 'On', 'GracefulShutdown'].map((ResetType) => ({ ResetType })),
    )
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join('\n')).not.toContain(bmcPassword)
  })

  test('network boot is set, read back and cleared', async () => {
    const { power } = open()
    expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
    expect(bmc.boot).toEqual({
      BootSourceOverrideTarget: 'Pxe',
      BootSourceOverrideEnabled: 'Once',
      BootSourceOverrideMode: 'UEFI',
    })
    await power.clearBoot(never)
    expect(bmc.boot['BootSourceOverrideEnabled']).toBe('Disabled')
  })

  test('UEFI HTTP Boot and BIOS', async () => {
    await open({}, { boot: 'http' }).power.bootFromNetworkOnce(never)
    expect(bmc.boot['BootSourceOverrideTarget']).toBe('UefiHttp')
    await open({}, { firmware: 'bios' }).power.bootFromNetworkOnce(never)
    expect(bmc.boot).toMatchObject({ BootSourceOverrideTarget: 'Pxe', BootSourceOverrideMode: 'Legacy' })
  })

  test.each<[string, Vices]>([
    ['stores nothing without a mode', { needsMode: true }],
    ['refuses a mode', { refusesMode: true }],
    ['has a resource apart, and wants If-Match', { settingsApart: true }],
    ['refuses its own weak ETags', { refusesWeakEtags: true }],
    ['is in its self-test', { inSelfTest: 3 }],
    ['refuses what is already so', { refusesSameEnabled: true }],
    ['ends an override only with the mode', { disablingNeedsMode: true }],
    ['conflicts after off', { conflictsAtOn: 2 }],
    ['takes 11 s to switch', { powerTakesMs: 550 }],
    ['shows that it is switching', { powerTakesMs: 550, showsTransitions: true }],
    ['has its reset types elsewhere', { actionInfo: true }],
    ['knows ForceOn only', { resetTypes: ['ForceOn', 'ForceOff'] }],
  ])('a BMC that %s is coped with', async (_name, vices) => {
    Object.assign(bmc.vices, vices)
    const { power } = open()
    expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
    expect(bmc.boot).toMatchObject({ BootSourceOverrideTarget: 'Pxe', BootSourceOverrideEnabled: 'Once' })
    // As firmware that keeps Once after the boot.
    await power.bootFromNetworkOnce(never)
    await power.on(never)
    expect(bmc.power).toBe('On')
    await power.off(never)
    expect(bmc.power).toBe('Off')
    await power.clearBoot(never)
    expect(
      bmc.boot['BootSourceOverrideTarget'] === 'None' || bmc.boot['BootSourceOverrideEnabled'] === 'Disabled',
    ).toBe(true)
  })

  test('an override that becomes permanent is reported as such', async () => {
    bmc.vices.onceBecomesContinuous = true
    expect(await open().power.bootFromNetworkOnce(never)).toEqual({ persistent: true })
  })

  test.each<[string, Vices, string]>([
    [
      'forgets the override',
      { forgetsBoot: true },
      'accepted the request to set the boot override to "Pxe", but shows "None", "Disabled"',
    ],
    ['has no network boot', { targets: ['Hdd'] }, 'cannot make its machine boot from "Pxe": it offers Hdd'],
    ['shows nothing readable', { endless: true }, 'the answer is longer than 8 MB'],
    [
      'shows a web page',
      { shows: '<html>' },
      'does not show /redfish/v1/Systems as Redfish has it: its answer is not JSON',
    ],
    ['shows no list', { shows: '{"Members":1}' }, 'as Redfish has it: its answer has no valid "Members"'],
  ])('a BMC that %s is an error', async (_name, vices, words) => {
    Object.assign(bmc.vices, vices)
    await expect(open().power.bootFromNetworkOnce(never)).rejects.toThrow(words)
  })

  test('a machine that does not go off is not called off', async () => {
    bmc.power = 'On'
    bmc.vices.ignoresPower = true
    const { error, text } = await failureOf(open().power.off(never))
    expect(error).toMatchObject({ reason: 'late' })
    expect(text).toContain('still says that the machine is on, 90 s after')
  })

  test('a BMC that stops while the machine goes off, or before, never means off', async () => {
    bmc.power = 'On'
    bmc.vices.ignoresPower = true
    const going = failureOf(open().power.off(never))
    await expect.poll(() => bmc.seen.some(({ method }) => method === 'POST')).toBe(true)
    await bmc[Symbol.asyncDispose]()
    const during = await going
    const before = await failureOf(open().power.off(never))
    for (const { error, text } of [during, before]) {
      expect(error).toBeInstanceOf(BmcError)
      expect(error).toMatchObject({ reason: 'unreachable' })
      expect(text).toContain('does not answer')
      expect(text).not.toContain(bmcPassword)
    }
  })

  test('a silent BMC is given up, or left with the signal', async () => {
    bmc.vices.silent = true
    const { power } = open({}, {}, bmcPassword, createFastClock(20))
    expect((await failureOf(power.status(never))).error).toMatchObject({ reason: 'unreachable' })
    const controller = new AbortController()
    const reason = new Error('enough')
    const going = failureOf(open().power.off(controller.signal))
    controller.abort(reason)
    expect((await going).error).toBe(reason)
  })

  test('another certificate gets no credentials', async () => {
    const other = 'AB'.repeat(32)
    const { error, text } = await failureOf(open({ certificate: other }).power.status(never))
    expect(error).toMatchObject({ reason: 'certificate' })
    expect(text).toContain(`shows the certificate ${bmc.fingerprint}, not the one of the rack file`)
    expect(bmc.seen).toEqual([])
    const unpinned = await failureOf(open({ certificate: undefined }).power.status(never))
    expect(unpinned.error).toMatchObject({ reason: 'certificate' })
    expect(bmc.seen).toEqual([])
  })

  test.each(['basic', 'session'])('a wrong password is named without being quoted (%s)', async (auth) => {
    const { error, text } = await failureOf(open({ auth }, {}, 'not-the-password').power.off(never))
    expect(error).toMatchObject({ reason: 'login' })
    expect(text).toContain('does not accept the user "admin" or its password')
    expect(text).not.toMatch(/not-the-password|bm90LXRoZS1wYXNzd29yZA/)
  })

  test('a session is opened once, renewed when it has expired, and ended', async () => {
    const { power } = open({ auth: 'session' })
    await power.on(never)
    expect(bmc.seen.filter(({ path }) => path.endsWith('/Sessions'))).toHaveLength(1)
    bmc.sessions.clear()
    expect(await power.status(never)).toBe('on')
    expect(bmc.sessions.size).toBe(1)
    expect(bmc.seen.every(({ authorization }) => authorization === undefined)).toBe(true)
    await power[Symbol.asyncDispose]()
    expect(bmc.sessions.size).toBe(0)
  })

  test('the BMC of another machine is not touched', async () => {
    bmc.power = 'On'
    const wrongMac = open({}, { macs: ['52:54:00:aa:00:02'] })
    const wrongUuid = open({}, { uuid: '11111111-2222-3333-4444-555555555555' })
    for (const { power } of [wrongMac, wrongUuid]) {
      expect((await failureOf(power.off(never))).error).toMatchObject({ reason: 'other-machine' })
    }
    expect(bmc.power).toBe('On')
    // A card that the BMC does not know is no contradiction to a UUID that is right.
    await open({}, { macs: ['52:54:00:aa:00:02'], uuid: bmcUuid }).power.off(never)
    expect(bmc.power).toBe('Off')
  })

  test('one of several systems is named', async () => {
    bmc.vices.systems = ['Self', 'Node2']
    const { text } = await failureOf(open().power.status(never))
    expect(text).toContain('has 2 systems, not one: it shows "Self", "Node2"')
    expect((await failureOf(open({ system: '3' }).power.status(never))).text).toContain('has no system "3"')
    expect(await open({ system: 'Node2' }).power.status(never)).toBe('off')
    expect(await open({ system: '/redfish/v1/Systems/Self' }).power.status(never)).toBe('off')
  })

  test('a link that leads elsewhere is not followed', async () => {
    bmc.vices.strayLinks = 'https://198.51.100.7'
    const { text } = await failureOf(open().power.on(never))
    expect(text).toContain('has a link that leads to another server')
  })

  test('nothing at the address', async () => {
    const { text } = await failureOf(open({ redfish: 'https://127.0.0.1:1' }).power.status(never))
    expect(text).toContain('the BMC of "r1" at "127.0.0.1:1" does not answer: the connection was refused')
  })
})
