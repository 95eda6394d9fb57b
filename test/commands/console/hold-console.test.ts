import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { holdConsole } from '../../../src/commands/console/hold-console.ts'
import type { ConsoleAccess } from '../../../src/commands/console/prepare-console.ts'
import { InterruptedError } from '../../../src/errors.ts'
import type { Context } from '../../../src/io.ts'
import type { Cloud } from '../../../src/machine/cloud.ts'
import { recordOf } from '../../../src/metal/record.ts'
import type { ConsoleOptions } from '../../../src/options/command-flags.ts'
import { createTestCloud } from '../../helpers/api-fake.ts'

const record = recordOf({ id: 'm-1', state: 'active' })

const options: ConsoleOptions = {
  waitFor: [],
  failOn: [],
  noDefaultFailures: false,
  on: [],
  send: [],
  timeout: undefined,
  log: undefined,
  record: undefined,
  json: false,
  apiKey: undefined,
  apiUrl: 'http://127.0.0.1:9',
  sos: undefined,
  identity: [],
  knownHosts: undefined,
  hostKeyPolicy: 'ask',
  hostKey: [],
}

test('an interrupt waits until the console is given back; a second one does not', async () => {
  const { cloud, report } = await createTestCloud('http://127.0.0.1:9')
  const left = new AbortController()
  let isOpen = false
  let isLeaving = false
  let isOver = false
  const other: Cloud = Object.assign(cloud, {
    consoleHosts: () => undefined,
    // The waits between looks take no time.
    get: async () => await setImmediate(record),
    listEvents: async () => [],
    openConsole: async () => ({
      address: { host: 'h', port: 22 },
      username: 'u',
      async [Symbol.asyncDispose]() {
        isLeaving = true
        await once(left.signal, 'abort')
      },
    }),
  })
  const access: ConsoleAccess = {
    find: async () => await Promise.reject(new Error('not asked')),
    listKeys: async () => [],
    async findPlace(_, signal) {
      isOpen = true
      return await new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
    wanted: undefined,
    rules: { waitFor: [], failOn: [], replies: [] },
    captures: [],
  }
  const [first, second] = [new AbortController(), new AbortController()]
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const context: Context = {
    ...streams,
    env: {},
    report,
    signal: first.signal,
    forced: second.signal,
    end: (reason) => first.abort(reason),
  }
  const holding = holdConsole(other, record, access, options, context)
    .catch((error: unknown) => error)
    .finally(() => {
      isOver = true
    })
  await expect.poll(() => isOpen).toBe(true)
  const interruption = new InterruptedError('SIGINT')
  first.abort(interruption)
  await expect.poll(() => isLeaving).toBe(true)
  await setImmediate()
  expect(isOver).toBe(false)
  second.abort(new InterruptedError('SIGINT'))
  expect(await holding).toBe(interruption)
  left.abort()
})
