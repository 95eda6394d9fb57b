// Commands for one BMC run one after the other, and each can be given up.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { Ipmi } from '../../src/rack/bmc/ipmitool.ts'

test('a command that waits for another ends with its signal', async () => {
  const silent = createSocket('udp4')
  silent.bind(0, '127.0.0.1')
  await once(silent, 'listening')
  try {
    const address = { host: '127.0.0.1', port: silent.address().port }
    const ipmi = new Ipmi(
      { kind: 'ipmi', address, user: 'admin', password: { env: 'PASSWORD' }, cipher: 3, efiBootFlag: true },
      { machine: 'r1', secrets: { folder: '/', env: { PASSWORD: 'x' } } },
    )
    const ends: string[] = []
    const over = new AbortController()
    const first = ipmi.run(['chassis', 'power', 'status'], new AbortController().signal)
    const waiting = ipmi.run(['chassis', 'power', 'status'], over.signal)
    over.abort(new Error('enough'))
    await Promise.allSettled([
      first.catch((error: Error) => ends.push(error.message)),
      waiting.catch((error: Error) => ends.push(error.message)),
    ])
    expect(ends).toEqual(['enough', expect.stringContaining('does not answer')])
  } finally {
    silent.close()
  }
})
