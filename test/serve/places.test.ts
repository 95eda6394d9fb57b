import { expect, test } from 'vitest'
import { clientOf, Places } from '../../src/serve/places.ts'

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::5', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['1::3:4:5:6:7:8', '1:0:3:4'],
  ['', ''],
])('%s is the client %s', (address, client) => {
  expect(clientOf(address)).toBe(client)
})

test('a client gets a limited number of places and can reuse released ones', () => {
  const places = new Places(2)
  places.take('a')
  places.take('a')
  expect([places.isFull('a'), places.isFull('b')]).toEqual([true, false])
  places.release('a')
  expect(places.isFull('a')).toBe(false)
})
