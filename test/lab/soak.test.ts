import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { expect, test } from 'vitest'

import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'
import { startTestLab, waitUntil } from '../helpers/lab.ts'
import { fakeBzImage } from '../helpers/image.ts'
import { bootScriptFor, serveFiles } from './machines/boot-files.ts'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

/** Bytes in use after a garbage collection. */
async function measureHeap(): Promise<number> {
  // Ended machines are released a few turns of the event loop later.
  await new Promise((resolve) => setTimeout(resolve, 100))
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}

test('a hundred machines boot at once, again and again, and leave nothing behind', async () => {
  await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
  files.files['x.ipxe'] = bootScriptFor(files.url)
  let up = 0
  const driver = createSimulatedDriver({ lineDelayMs: 5, selfTestMs: 0 })
  await using lab = await startTestLab({
    driver: {
      kind: 'simulated',
      async powerOn(spec) {
        const machine = await driver.powerOn(spec)
        machine.serial.on('data', (bytes: Buffer) => {
          if (bytes.includes('simulated machine is up')) up++
        })
        return machine
      },
    },
  })
  const path = `/projects/${lab.projectId}/devices`
  const batches = [
    {
      quantity: 100,
      hostname: 'node-{{index}}',
      plan: 'c3.small.x86',
      metro: 'ny',
      operating_system: 'custom_ipxe',
      ipxe_script_url: `${files.url}/x.ipxe`,
    },
  ]
  const heaps: number[] = []
  for (let round = 1; round <= 4; round++) {
    const { status, json } = await lab.call('POST', `${path}/batch`, { batches })
    expect(status, JSON.stringify(json)).toBe(201)
    await waitUntil(
      () => up,
      (count) => count === 100 * round,
      60_000,
    )
    const removed = await lab.call('DELETE', `/batches/${json.batches[0].id}?remove_associated_instances=true`)
    expect(removed.status).toBe(204)
    await waitUntil(
      () => lab.call('GET', `${path}?per_page=1`),
      ({ json: list }) => list.meta.total === 0,
      60_000,
    )
    files.requests.splice(0)
    lab.lines.splice(0)
    heaps.push(await measureHeap())
  }
  // The first rounds warm up; a machine that stayed would cost tens of kilobytes, a hundred of them megabytes.
  const [, second = 0, , fourth = 0] = heaps
  expect(fourth - second).toBeLessThan(2_000_000)
}, 300_000)
