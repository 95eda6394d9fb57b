// A hundred machines in one rack, all at once: none is lost, and each is switched as if it were alone. What a machine costs by
// their number is measured by npm run bench -- rack.
import { expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { rackPace } from '../../src/rack/pace.ts'
import { waitUntil } from '../helpers/lab.ts'
import { startSimulatedRack } from '../helpers/rack/rack.ts'

const count = 100

test('a hundred machines live at once', async () => {
  await using rack = await startSimulatedRack({ count, plans: ['small'], clock: systemClock, pace: rackPace(600_000) })
  const acts = new Map<string, string[]>()
  for (const { name } of rack.boards) acts.set(name, [])
  for (const board of rack.boards) {
    board.misbehave = (act, { name }) => {
      if (act !== 'status') acts.get(name)?.push(act)
      return undefined
    }
  }
  const all = <T>(value: T) => Array.from({ length: count }, () => value)
  const body = { plan: 'small', metro: 'am', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
  const create = () => rack.call('POST', `/projects/${rack.projectId}/devices`, body)
  const created = await Promise.all(all(0).map(create))
  expect(created.map(({ status }) => status)).toEqual(all(201))
  expect((await create()).status).toBe(422)
  await waitUntil(
    () => rack.devices().filter(({ state }) => state !== 'active').length,
    (waiting) => waiting === 0,
  )
  expect(new Set(rack.views().map(({ holder }) => holder)).size).toBe(count)
  expect(rack.boards.map(({ isOn }) => isOn)).toEqual(all(true))
  await Promise.all(created.map(({ json }) => rack.call('DELETE', `/devices/${json.id}`)))
  await waitUntil(
    () => rack.views().filter(({ holder }) => holder !== undefined).length,
    (held) => held === 0,
  )
  expect([rack.boards.map(({ isOn }) => isOn), rack.mistakes]).toEqual([all(false), []])
  expect([...acts.values()]).toEqual(all(['boot', 'on', 'off', 'clearBoot']))
})
