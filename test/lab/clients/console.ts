// A console as Go's SSH library opens it: all input is sent as typed, and the client has no escapes.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

import ssh2 from 'ssh2'
import { expect } from 'vitest'

import type { ClientLab } from './client.ts'

/** Opens the console of a device. */
export async function openConsole({ lab }: ClientLab, id: string) {
  const client = new ssh2.Client()
  client.on('error', () => {})
  const closed = once(client, 'close')
  client.connect({ ...lab.sos, username: id, privateKey: readFileSync(lab.userKeyPath) })
  await once(client, 'ready')
  const seen = { text: '' }
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
    client.shell((error, opened) => (error ? reject(error) : resolve(opened)))
  })
  channel.on('data', (bytes: Buffer) => (seen.text += bytes.toString()))
  const ended = once(channel, 'close').then(() => client.end())
  return {
    seen,
    type: (text: string) => channel.write(text),
    shows: (text: string) => expect.poll(() => seen.text, { timeout: 60_000 }).toContain(text),
    ended: Promise.all([ended, closed]),
  }
}
