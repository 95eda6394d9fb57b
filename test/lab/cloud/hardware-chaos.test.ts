// Whatever clients, BMCs and signals do, no machine is free while it runs, and none has two devices.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import type { MachineDriver } from '../../../src/lab/machines/driver.ts'
import { Hardware } from '../../helpers/hardware.ts'
import { bootUrlOf, startTestLab, type TestLab, waitUntil } from '../../helpers/lab.ts'
import { createRandom } from '../../helpers/random.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-chaos-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The driver of one server process: after a kill it does nothing more. */
function mortal(driver: MachineDriver, takers: Map<string, string>, faults: string[]) {
  let isAlive = true
  const live = async () => {
    if (!isAlive) await new Promise(() => {})
  }
  const own: MachineDriver = {
    ...driver,
    async powerOn(spec, hooks) {
      await live()
      const taker = takers.get(spec.machine ?? '')
      if (taker !== undefined && taker !== spec.id) faults.push(`${spec.machine}: switched on for a second device`)
      takers.set(spec.machine ?? '', spec.id)
      const machine = await driver.powerOn(spec, hooks)
      await live()
      return {
        ...machine,
        async [Symbol.asyncDispose](signal) {
          await live()
          await machine[Symbol.asyncDispose](signal)
        },
      }
    },
    async reattach(spec, hooks) {
      await live()
      return await driver.reattach?.(spec, hooks)
    },
    async discard(id, signal) {
      await live()
      await driver.discard?.(id, signal)
      for (const [name, taker] of takers) if (taker === id) takers.delete(name)
    },
  }
  return { driver: own, kill: () => (isAlive = false) }
}

test.each([1, 2, 3, 4])('no machine is free while it runs (seed %i)', { timeout: 120_000 }, async (seed) => {
  const random = createRandom(seed)
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  const hardware = new Hardware({ r1: 'nuc', r2: 'nuc', r3: 'nuc' })
  const { inventory, catalogue, servers } = hardware
  const takers = new Map<string, string>()
  const faults: string[] = []
  const pace = { queuedMs: 1, stepMs: 1, retryMs: 5, provisioningMs: 400, failedMs: 100, forbiddenMs: 50, endMs: 100 }
  let cloudFile = join(folder, `${seed}-0.json`)
  let process = mortal(hardware.driver, takers, faults)
  const open = async () =>
    await startTestLab({ driver: process.driver, inventory, catalogue, cloudFile, pace, isLab: false })
  let lab: TestLab = await open()

  const body = { plan: 'nuc', metro: 'home', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
  const steps: Record<string, () => Promise<unknown>> = {
    create: () => lab.call('POST', `/projects/${lab.projectId}/devices`, body),
    batch: () => lab.call('POST', `/projects/${lab.projectId}/devices/batch`, { batches: [{ ...body, quantity: 2 }] }),
    async delete() {
      const device = pick(lab.devices())
      if (device !== undefined) await lab.call('DELETE', `/devices/${device.id}?force_delete=true`)
    },
    async act() {
      const device = pick(lab.devices())
      const type = pick(['power_on', 'power_off', 'reboot', 'reinstall'])
      if (device !== undefined) await lab.call('POST', `/devices/${device.id}/actions`, { type })
    },
    async boot() {
      const device = pick(lab.devices())
      if (device === undefined) return
      await fetch(`${bootUrlOf(lab, device.id)}/phone-home?type=provisioning.104.01`)
    },
    async silence() {
      const server = pick([...servers.values()])
      if (server !== undefined) server.isSilent = !server.isSilent
    },
    async loseAnswer() {
      const server = pick([...servers.values()])
      if (server !== undefined) server.losesAnswers = true
    },
    async restart() {
      await lab[Symbol.asyncDispose]()
      process = mortal(hardware.driver, takers, faults)
      lab = await open()
    },
    async kill() {
      process.kill()
      const next = `${cloudFile.replace(/\d+\.json$/, '')}${Date.now()}.json`
      if (existsSync(cloudFile)) copyFileSync(cloudFile, next)
      await lab[Symbol.asyncDispose]()
      cloudFile = next
      process = mortal(hardware.driver, takers, faults)
      lab = await open()
    },
  }
  /** What the API offers must be off, and must belong to nobody. */
  const check = async () => {
    const path = `/projects/${lab.projectId}/hardware-reservations?provisionable=only`
    const { json } = await lab.call('GET', path)
    for (const { name } of json.hardware_reservations) {
      if (hardware.at(name).isOn) faults.push(`${name}: free and on`)
    }
    const held = lab.devices().map(({ machine }) => machine)
    if (new Set(held).size < held.length) faults.push(`two devices: ${held.join()}`)
  }
  const names = Object.keys(steps)
  const done: string[] = []
  for (let count = 0; count < 150; count++) {
    const name = pick(names) ?? ''
    done.push(name)
    await steps[name]?.()
    await check()
    expect(faults, done.join()).toEqual([])
    await sleep(random() * 10)
  }
  for (const server of servers.values()) Object.assign(server, { isSilent: false, losesAnswers: false })
  for (const { id } of lab.devices()) await lab.call('DELETE', `/devices/${id}?force_delete=true`)
  await waitUntil(
    async () => (await lab.call('GET', '/capacity/metros')).json.capacity.home.nuc.available_servers,
    (free) => free === 3,
  )
  await check()
  expect(faults).toEqual([])
  expect([...servers.values()].map(({ isOn }) => isOn)).toEqual([false, false, false])
  await lab[Symbol.asyncDispose]()
})
