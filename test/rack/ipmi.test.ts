// Power over IPMI, against OpenIPMI's simulator.
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { BmcError } from '../../src/rack/bmc/bmc-error.ts'
import { Ipmi } from '../../src/rack/bmc/ipmitool.ts'
import { uuidsOf } from '../../src/rack/power/ipmi.ts'
import { needs } from '../helpers/needs.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { findFreeUdpPort, type IpmiSim, simGuid, simPassword, simUser, startIpmiSim } from './ipmi-sim.ts'
import { failureOf, machineOf, powerOf, secretsOf } from './machine.ts'

const never = new AbortController().signal

function keysOf(port: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  const login = { ipmi: `127.0.0.1:${port}`, user: simUser, password: { env: 'BMC_PASSWORD' } }
  return { power: { ...login, ...more } }
}

/** ipmitool for r1. */
function ipmiOf(port: number, more: Record<string, unknown> = {}, password = simPassword): Ipmi {
  const { power } = machineOf(keysOf(port, more))
  if (power?.kind !== 'ipmi') throw new Error('not ipmi')
  return new Ipmi(power, { machine: 'r1', secrets: secretsOf(password) })
}

/** The command lines of all processes. */
function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'utf8')
      } catch {
        return ''
      }
    })
    .join('\n')
    .replaceAll('\0', ' ')
}

test('a UUID is known in each order of its bytes', () => {
  const bytes = [...Buffer.from('4c4c4544004235108052b4c04f4d3732', 'hex')]
  expect(uuidsOf(bytes)).toContain('4c4c4544-0042-3510-8052-b4c04f4d3732')
  const smbios = [...Buffer.from('44454c4c420010358052b4c04f4d3732', 'hex')]
  expect(uuidsOf(smbios)).toContain('4c4c4544-0042-3510-8052-b4c04f4d3732')
  expect(uuidsOf(bytes.toReversed())).toContain('4c4c4544-0042-3510-8052-b4c04f4d3732')
  expect(uuidsOf(Array.from({ length: 16 }, () => 0xff))).toEqual([])
  expect(uuidsOf([1, 2, 3])).toEqual([])
})

describe('with a BMC', needs('ipmitool', 'ipmi_sim'), () => {
  let folder: TestFolder
  let sim: IpmiSim

  beforeEach(async () => {
    folder = makeFolder()
    sim = await startIpmiSim(folder.path)
  })
  afterEach(async () => {
    await sim[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  test('a machine is switched on, reset, shut down and off', async () => {
    const { power } = powerOf(keysOf(sim.port), simPassword)
    expect(await power.status(never)).toBe('off')
    await power.on(never)
    expect(sim.power()).toBe('on')
    expect(await power.status(never)).toBe('on')
    await power.reset?.(never)
    expect(sim.log()).toContain('set reset 1')
    await power.off(never)
    expect(sim.power()).toBe('off')
    sim.setPower('on')
    await power.softOff?.(never)
    await expect.poll(async () => await power.status(never)).toBe('off')
  })

  test('nothing is sent to a machine that is already so', async () => {
    const { power } = powerOf(keysOf(sim.port), simPassword)
    await power.off(never)
    sim.setPower('on')
    await power.on(never)
    expect(sim.log().filter((line) => line.startsWith('set power'))).toEqual([])
  })

  test('network boot is set, read back and cleared', async () => {
    const { power } = powerOf(keysOf(sim.port), simPassword)
    expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
    expect(sim.boot()).toBe('pxe')
    await power.clearBoot(never)
    expect(sim.boot()).toBe('none')
    sim.mark('boot-is-kept')
    await expect(power.bootFromNetworkOnce(never)).rejects.toThrow(
      `the BMC of "r1" at "127.0.0.1:${sim.port}" accepted network boot but does not have it set`,
    )
  })

  test('a machine with boot: order is left its boot order', async () => {
    const { power } = powerOf({ ...keysOf(sim.port), boot: 'order' }, simPassword)
    expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
    await power.clearBoot(never)
    expect(sim.log()).toEqual([''])
  })

  test('the cipher suite that works is found and remembered; a chosen one is not replaced', async () => {
    const ipmi = ipmiOf(sim.port)
    await ipmi.run(['chassis', 'power', 'status'], never)
    expect(ipmi.cipher).toBe(3)
    await expect(ipmiOf(sim.port, { cipher: 17 }).run(['chassis', 'power', 'status'], never)).rejects.toThrow(
      'does not accept the user "admin", its password, or cipher suite 17',
    )
  })

  test('a wrong password, a wrong address and a command that the BMC has not are told apart', async () => {
    const wrong = await failureOf(ipmiOf(sim.port, {}, 'not-the-password').run(['chassis', 'power', 'status'], never))
    expect(wrong.error).toMatchObject({ reason: 'login' })
    const nowhere = await failureOf(ipmiOf(await findFreeUdpPort()).run(['chassis', 'power', 'status'], never))
    expect(nowhere.error).toMatchObject({ reason: 'unreachable' })
    const strange = await failureOf(ipmiOf(sim.port).run(['raw', '0x06', '0x99'], never))
    expect(strange.error).toMatchObject({ reason: 'refused' })
    expect(strange.text).toContain('refuses "raw 0x06 0x99": Invalid command')
    for (const { text } of [wrong, nowhere, strange]) expect(text).not.toMatch(/not-the-password|Hush/)
  })

  test('a password that IPMI cannot carry is refused before it is sent', async () => {
    const { text } = await failureOf(ipmiOf(sim.port, {}, 'x'.repeat(21)).run(['chassis', 'power', 'status'], never))
    expect(text).toContain('the BMC password of "r1" is longer than 20 bytes')
    expect(text).not.toContain('xxxxx')
  })

  test('the BMC of another machine is not touched', async () => {
    sim.setPower('on')
    const keys = { ...keysOf(sim.port), uuid: '11111111-2222-3333-4444-555555555555' }
    const { power } = powerOf(keys, simPassword)
    for (const act of [power.off(never), power.status(never), power.bootFromNetworkOnce(never)]) {
      const { error, text } = await failureOf(act)
      expect(error).toMatchObject({ reason: 'other-machine' })
      expect(text).toContain(`the BMC of "r1" belongs to another machine: it shows the UUID ${simGuid}`)
    }
    expect(sim.power()).toBe('on')
    const own = powerOf({ ...keysOf(sim.port), uuid: simGuid }, simPassword).power
    await own.off(never)
    expect(sim.power()).toBe('off')
  })

  test('a machine that does not go off is not called off', async () => {
    sim.setPower('on')
    sim.mark('deaf')
    const { power } = powerOf(keysOf(sim.port), simPassword)
    const { error, text } = await failureOf(power.off(never))
    expect(error).toMatchObject({ reason: 'late' })
    expect(text).toContain('still says that the machine is on, 90 s after the request to switch it off')
  })

  // Each is the word at which the BMC dies: the state before, the request itself, and the state after.
  test.each(['get power', 'set power', 'after'])('a BMC that dies at "%s" never means off', async (word) => {
    sim.setPower('on')
    sim.mark('deaf')
    if (word !== 'after') sim.mark('die-at', word)
    const { power } = powerOf(keysOf(sim.port), simPassword)
    const going = failureOf(power.off(never))
    if (word === 'after') {
      await expect.poll(() => sim.log()).toContain('set power 0')
      await sim.kill()
    }
    const { error, text } = await going
    expect(error).toBeInstanceOf(BmcError)
    expect(error).toMatchObject({ reason: 'unreachable' })
    expect(text).toContain('does not answer')
    expect(text).not.toContain(simPassword)
    expect(sim.power()).toBe('on')
  })

  test('a BMC that restarts while the machine goes off is waited for', async () => {
    sim.setPower('on')
    sim.mark('deaf')
    // Real time: with a fast clock, the 90 s could be over before the simulator has started again.
    const { power } = powerOf(keysOf(sim.port), simPassword, { clock: systemClock })
    const going = power.off(never)
    await expect.poll(() => sim.log()).toContain('set power 0')
    await sim.kill()
    sim.setPower('off')
    await sim.restart()
    await going
    expect(sim.power()).toBe('off')
  })

  test('a signal ends each wait with its reason, and ipmitool with it', async () => {
    sim.mark('hang')
    const { port } = sim
    const reason = new Error('enough')
    const controller = new AbortController()
    const { power } = powerOf(keysOf(port), simPassword)
    const going = failureOf(power.off(controller.signal))
    await expect.poll(() => commandLines()).toContain(`-p ${port}`)
    controller.abort(reason)
    expect((await going).error).toBe(reason)
    await expect.poll(() => commandLines()).not.toContain(`-p ${port}`)
  })

  test('the password is in no command line and no report', async () => {
    const { power, lines } = powerOf(keysOf(sim.port), simPassword)
    const running = power.on(never)
    const over = new AbortController()
    void running.finally(() => over.abort())
    let sawIpmitool = false
    while (!over.signal.aborted) {
      const seen = commandLines()
      sawIpmitool ||= seen.includes(`ipmitool -I lanplus -H 127.0.0.1 -p ${sim.port}`)
      expect(seen).not.toContain(simPassword)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await running
    expect(sawIpmitool).toBe(true)
    expect(lines.join('\n')).not.toContain(simPassword)
    expect(process.env['IPMI_PASSWORD']).toBeUndefined()
  })
})
