import { EventEmitter } from 'node:events'
import ssh2, { type SFTPWrapper } from 'ssh2'
import { expect, test } from 'vitest'
import { SftpSession } from '../../src/publish/sftp-session.ts'

test.each(['end', 'close'])(
  'after its %s nothing is waited for: ssh2 calls back nobody who asks then',
  async (event) => {
    const sftp = Object.assign(new EventEmitter(), { mkdir: () => {}, stat: () => {} })
    const session = new SftpSession('sftp://host', wrapper, {
      client: new ssh2.Client(),
      failure: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
    expect(session.lost).toBe(false)
    sftp.emit(event)
    expect(session.lost).toBe(true)
    const message = '"sftp://host/a" cannot be looked at (the server closed the session)'
    await expect(session.stat('/a')).rejects.toMatchObject({
      name: 'PublishError',
      message,
      hint: 'push again: it goes on where it stopped',
    })
    await expect(session.ask('made', '/a', (done) => session.sftp.mkdir('/a', done))).rejects.toMatchObject({
      name: 'PublishError',
    })
  },
)
