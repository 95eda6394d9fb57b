import { expect, test } from 'vitest'
import { openPlace } from '../../../src/commands/console/open-place.ts'
import { ApiError, AuthenticationError, ConsoleError } from '../../../src/errors.ts'
import type { Cloud, ConsolePlace, Phase } from '../../../src/machine/cloud.ts'
import { recordOf } from '../../../src/metal/record.ts'
import type { AccessFinder } from '../../../src/ssh/access.ts'
import { createTestCloud } from '../../helpers/api-fake.ts'

const record = recordOf({ id: 'm-1', state: 'provisioning' })
const never = new AbortController().signal

/** Opens a console that is refused with these errors first. */
async function openAfter(refusals: unknown[], phase: Phase | undefined) {
  const { cloud, waits, report } = await createTestCloud('http://127.0.0.1:9')
  const place: ConsolePlace = {
    address: { host: 'h', port: 22 },
    username: 'u',
    async [Symbol.asyncDispose]() {},
  }
  const asked: (readonly string[])[] = []
  const openConsole: Cloud['openConsole'] = async (_, { publicKeys }) => {
    asked.push(publicKeys)
    if (refusals.length > 0) throw refusals.shift()
    return place
  }
  const other: Cloud = Object.assign(cloud, { openConsole, consoleHosts: () => undefined })
  const access: AccessFinder = {
    find: async () => await Promise.reject(new Error('not asked')),
    findPlace: async () => await Promise.reject(new Error('not asked')),
    listKeys: async () => ['ssh-ed25519 AAAA'],
  }
  const opening = openPlace(other, record, { access, phase: () => phase, report, signal: never })
  const outcome = await opening.then(
    () => 'open',
    (error: unknown) => error,
  )
  return { outcome, asked, waits, lines: report.lines }
}

const refused = new ApiError('opening the console: the API answered 422 "not yet"', { status: 422 })

test('a console that is refused while the machine comes up is asked for again, and the reason is said once', async () => {
  const { outcome, asked, waits, lines } = await openAfter([refused, refused], 'coming')
  expect(outcome).toBe('open')
  expect(asked).toEqual([['ssh-ed25519 AAAA'], ['ssh-ed25519 AAAA'], ['ssh-ed25519 AAAA']])
  expect(waits).toEqual([5000, 5000])
  expect(lines.filter((line) => line.includes('not yet'))).toHaveLength(1)
})

test.each<[string, unknown, Phase]>([
  ['to a machine that is up', refused, 'on'],
  ['for want of a right', new ApiError('no', { status: 403 }), 'coming'],
  ['for want of a token', new AuthenticationError('no'), 'coming'],
  ['for want of a key', new ConsoleError('no'), 'coming'],
])('a console that is refused %s is an error', async (_, refusal, phase) => {
  expect((await openAfter([refusal], phase)).outcome).toBe(refusal)
})
