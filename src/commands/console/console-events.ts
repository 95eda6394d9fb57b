// The console's text for scripts: under --json it is events, and stdout holds nothing else.
import { Writable } from 'node:stream'
import type { Context } from '../../io.ts'

/** A stream that tells its bytes as `console` events, and is only as fast as stdout is. */
export function createEventStream({ report, stdout }: Pick<Context, 'report' | 'stdout'>): Writable {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const tell = (text: string) => {
    if (text !== '') report.event('console', { text })
  }
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      tell(decoder.decode(chunk, { stream: true }))
      if (!stdout.writableNeedDrain) return done()
      return void stdout.once('drain', done)
    },
    final(done) {
      tell(decoder.decode())
      done()
    },
  })
}
