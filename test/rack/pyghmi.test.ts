// Power over IPMI, against a BMC of pyghmi: what works with ipmi_sim is no peculiarity of that simulator.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BmcError } from '../../src/rack/bmc/bmc-error.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { needs, needsPython } from '../helpers/needs.ts'
import { awaitBmc, findFreeUdpPort } from './ipmi-sim.ts'
import { failureOf, powerOf } from './machine.ts'
import { type RunningBmc, startPyghmi } from './run/pyghmi.ts'
import { hum, WiredMachine } from './run/wired-machine.ts'

const never = new AbortController().signal
const password = 'Hush-Hush-4711'

const skip = { skip: needs('ipmitool', 'curl', 'setpriv').skip || needsPython('pyghmi').skip }

describe('with a BMC of pyghmi', skip, () => {
  let folder: TestFolder
  let machine: WiredMachine
  let bmc: RunningBmc
  let port: number

  beforeEach(async () => {
    folder = makeFolder()
    machine = await new WiredMachine(folder.path, hum).open()
    port = await findFreeUdpPort()
    bmc = await startPyghmi({ machine, port, password, ready: async (isAlive) => await awaitBmc(port, isAlive) })
  })
  afterEach(async () => {
    await bmc[Symbol.asyncDispose]()
    await machine[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const keys = () => ({ power: { ipmi: `127.0.0.1:${port}`, user: 'admin', password: { env: 'BMC_PASSWORD' } } })

  test('a machine is switched on, reset, shut down and off', async () => {
    const { power } = powerOf(keys(), password)
    expect(await power.status(never)).toBe('off')
    await power.on(never)
    expect(machine.isOn).toBe(true)
    await power.reset?.(never)
    expect(machine.words).toContain('set reset 1')
    await power.off(never)
    expect([machine.isOn, await power.status(never)]).toEqual([false, 'off'])
    machine.switchOn()
    await power.softOff?.(never)
    await expect.poll(async () => await power.status(never)).toBe('off')
  })

  test('network boot is set, read back and cleared', async () => {
    const { power } = powerOf(keys(), password)
    expect(await power.bootFromNetworkOnce(never)).toEqual({ persistent: false })
    expect(machine.boot).toBe('pxe')
    await power.clearBoot(never)
    expect(machine.boot).toBe('none')
  })

  test('a wrong password is refused, and told from a BMC that does not answer', async () => {
    const wrong = await failureOf(powerOf(keys(), 'not-the-password').power.off(never))
    expect(wrong.error).toMatchObject({ reason: 'login' })
    await bmc.kill()
    const silent = await failureOf(powerOf(keys(), password).power.off(never))
    expect(silent.error).toMatchObject({ reason: 'unreachable' })
  })

  test('a BMC that dies when it is to cut the power never means off', async () => {
    machine.switchOn()
    machine.onWord = async (word) => {
      if (word !== 'set power 0') return
      await bmc.kill()
      throw new Error('the BMC is dead')
    }
    const { power } = powerOf(keys(), password)
    const { error } = await failureOf(power.off(never))
    expect(error).toBeInstanceOf(BmcError)
    expect(error).toMatchObject({ reason: 'unreachable' })
    expect(machine.isOn).toBe(true)
    machine.onWord = () => {}
    await bmc.start()
    await power.off(never)
    expect(machine.isOn).toBe(false)
  })
})
