// Ten simulated machines and four QEMU machines at once, in two parallel labs.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

import type { MachineDriver, PowerLoss } from '../../src/lab/machines/driver.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'
import { startTestLab, type TestLab, waitForState, waitUntil } from '../helpers/lab.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { needs } from '../helpers/needs.ts'
import { fakeBzImage } from '../helpers/image.ts'
import { bootScriptFor, serveFiles } from '../lab/machines/boot-files.ts'
import { arm64SayProgram, sayProgram, startBootServer } from './boot-server.ts'
import { watch } from './watch.ts'

/** A driver that records the consoles of its machines and how they went off, by host name. */
function watchAll(driver: MachineDriver) {
  const screens = new Map<string, ReturnType<typeof watch>>()
  const losses = new Map<string, PowerLoss>()
  const watched: MachineDriver = {
    ...driver,
    async powerOn(spec) {
      const machine = await driver.powerOn(spec)
      screens.set(spec.hostname, watch(machine.serial))
      void machine.off.then((loss) => losses.set(spec.hostname, loss))
      return machine
    },
  }
  return { driver: watched, screens, losses }
}

async function create(lab: TestLab, fields: Record<string, unknown>): Promise<string> {
  const body = { metro: 'ny', operating_system: 'custom_ipxe', ...fields }
  const { status, json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, body)
  expect(status, JSON.stringify(json)).toBe(201)
  return json.id
}

const patienceMs = 480_000

test(
  'ten simulated machines and four QEMU machines boot their own images at once, and all of them end',
  { ...needs('qemu-system-x86_64', 'qemu-system-aarch64'), timeout: 2 * patienceMs },
  async () => {
    const diskFolder = mkdtempSync(join(tmpdir(), 'metalkit-disks-'))
    onTestFinished(() => rmSync(diskFolder, { recursive: true, force: true }))
    await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
    files.files['x.ipxe'] = bootScriptFor(files.url)
    await using server = await startBootServer({})
    const simulated = watchAll(createSimulatedDriver({ lineDelayMs: 20, selfTestMs: 0 }))
    const qemu = watchAll(await createQemuDriver({ diskFolder, report: createRecorder() }))
    await using simulatedLab = await startTestLab({ driver: simulated.driver })
    // Capacity for four, however small this computer is: memory is only allocated when it is touched.
    await using qemuLab = await startTestLab({ driver: qemu.driver, capacity: { memoryMib: 2 ** 20, cpus: 64 } })

    // QEMU machines reach this computer at this address.
    const url = server.url.replace('127.0.0.1', '10.0.2.2')
    const qemuMachines = [1, 2, 3, 4].map(async (number) => {
      const isArm = number > 2
      server.scripts[`/k${number}`] = (isArm ? arm64SayProgram : sayProgram)(`this is kernel ${number}`)
      const userdata = isArm ? `#!ipxe\nkernel ${url}/k${number}\nboot` : `#!ipxe\nchain ${url}/k${number}`
      const plan = isArm ? 'c3.large.arm64' : 'c3.small.x86'
      const id = await create(qemuLab, { hostname: `q${number}`, plan, userdata })
      return { lab: qemuLab, id, hostname: `q${number}`, says: `this is kernel ${number}` }
    })
    const simulatedMachines = Array.from({ length: 10 }, async (_, number) => {
      const fields = { plan: 'c3.small.x86', ipxe_script_url: `${files.url}/x.ipxe` }
      const id = await create(simulatedLab, { hostname: `s${number}`, ...fields })
      return { lab: simulatedLab, id, hostname: `s${number}`, says: `simulated machine is up: s${number}` }
    })
    const machines = await Promise.all([...qemuMachines, ...simulatedMachines])
    await Promise.all(
      machines.map(async ({ lab, id, hostname, says }) => {
        await waitUntil(
          () => (qemu.screens.get(hostname) ?? simulated.screens.get(hostname))?.text() ?? '',
          (text) => text.includes(says),
          patienceMs,
        )
        await waitForState(lab, id, 'active')
      }),
    )
    expect([qemu.losses.size, simulated.losses.size]).toEqual([0, 0])

    for (const { lab, id } of machines) expect((await lab.call('DELETE', `/devices/${id}`)).status).toBe(204)
    for (const lab of [qemuLab, simulatedLab]) {
      await waitUntil(
        () => lab.call('GET', `/projects/${lab.projectId}/devices`),
        ({ json }) => json.meta.total === 0,
        patienceMs,
      )
    }
    const ends = [...qemu.losses, ...simulated.losses]
    expect(ends.map(([hostname]) => hostname).toSorted()).toEqual(machines.map(({ hostname }) => hostname).toSorted())
    expect(new Set(ends.map(([, { reason }]) => reason))).toEqual(new Set(['switched-off']))
    expect(readdirSync(diskFolder)).toEqual([])
  },
)
