// A request to a running lab that does not answer.
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { askLab } from '../../../src/lab/storage/ask-lab.ts'
import { close, listen } from '../../helpers/port.ts'

test('a signal ends the wait for a lab that does not answer, with its reason', async () => {
  const over = new AbortController()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => over.abort(new Error('Ctrl-C')))
  })
  const origin = `http://127.0.0.1:${await listen(server)}`
  const lab = {
    process: '1',
    origin,
    apiUrl: origin,
    sos: { host: '127.0.0.1', port: 22 },
    token: 'x',
    startedAt: '2026-11-28T00:00:00Z',
    environment: {},
  }
  try {
    const asked = askLab(lab, { method: 'GET', path: '/lab/machines', signal: over.signal })
    await expect(asked).rejects.toThrow('Ctrl-C')
  } finally {
    await close(server)
  }
})
