// The console's text for scripts: with --json it becomes events, and stdout holds nothing else.
import { Writable } from 'node:stream'
import type { Context } from '../../io.ts'

/** A stream that reports its bytes as `console` events, at stdout's pace. */
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
