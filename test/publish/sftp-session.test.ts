import { EventEmitter } from 'node:events'
import ssh2, { type SFTPWrapper } from 'ssh2'
import { expect, test } from 'vitest'
import { SftpSession } from '../../src/publish/sftp-session.ts'

test.each(['end', 'close'])(
  'after its %s no request waits, because ssh2 drops the callbacks of later requests',
  async (event) => {
    const sftp: unknown = Object.assign(new EventEmitter(), { mkdir: () => {}, stat: () => {} })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of ssh2 that the session uses
    const session = new SftpSession('sftp://host', sftp as SFTPWrapper, {
      client: new ssh2.Client(),
      banner: '',
      failure: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    })
    expect(session.lost).toBe(false)
    session.sftp.emit(event)
    expect(session.lost).toBe(true)
    await expect(session.stat('/a')).rejects.toMatchObject({
      name: 'PublishError',
      message: '"sftp://host/a" cannot be checked (the server closed the session)',
      hint: 'push again to resume where it stopped',
    })
    await expect(session.ask('made', '/a', (done) => session.sftp.mkdir('/a', done))).rejects.toThrow('cannot be made')
  },
)
