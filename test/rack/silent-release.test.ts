// A run that ends while the BMC of its machine is silent: it says that the machine is not off yet.
import { expect, test } from 'vitest'
import { publishImage, runFast } from '../faults/world.ts'
import { attendedMachines, waitUntil } from '../helpers/lab.ts'
import { startSimulatedRack } from '../helpers/rack/rack.ts'

const run = (image: { baseUrl: string; prefix: string }) => [
  'run',
  'equinixmetal',
  '-base-url',
  image.baseUrl,
  '-timeout',
  '1h',
  '-wait-for',
  'is up',
  image.prefix,
]

test('run names a machine that its rack cannot switch off yet, and the rack goes on', async () => {
  await using image = await publishImage()
  await using rack = await startSimulatedRack({ count: 1, plans: ['baremetal_0'], systems: attendedMachines() })
  const [board] = rack.boards
  if (board === undefined) throw new Error('no board')
  let isSilent = true
  board.misbehave = () => {
    if (isSilent && rack.devices().some(({ state }) => state === 'deprovisioning')) throw new Error('the BMC is silent')
    return undefined
  }
  const { code, stderr } = await runFast(rack, run(image))
  expect(code, stderr).toBe(0)
  expect(board.isOn).toBe(true)
  const [device] = rack.devices()
  const { json } = await rack.call('GET', `/devices/${device?.id}`)
  expect(json).toMatchObject({ state: 'deprovisioning', rack_release: { machine: 'r1' } })
  expect(json.rack_release.trouble).toContain('the BMC is silent')
  expect(stderr).toMatch(
    new RegExp(`device ${device?.id} is deleted, but its machine "r1" is not off yet: .*the BMC is silent; the rack`),
  )
  expect(stderr).not.toContain(`The machine ${device?.id} is deleted.`)
  isSilent = false
  await waitUntil(
    () => rack.devices().length,
    (count) => count === 0,
  )
  expect([board.isOn, rack.mistakes]).toEqual([false, []])
})

test('run says nothing of this if its machine goes off', async () => {
  await using image = await publishImage()
  await using rack = await startSimulatedRack({ count: 1, plans: ['baremetal_0'], systems: attendedMachines() })
  const { code, stderr } = await runFast(rack, run(image))
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/The machine \S+ is deleted\./)
  expect(stderr).not.toContain('not off yet')
  expect(rack.boards[0]?.isOn).toBe(false)
})
