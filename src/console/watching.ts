// The watch during a session: what it sees answers the machine, or ends the session.
import type { ClientChannel } from 'ssh2'
import type { Sighting, Watch } from './watch.ts'

/** A line that is not finished and has been still for so long is looked at as it is: it may be a prompt. */
const stillMs = 100
/** What a failure prints after its first words still belongs to it. */
const aftermathMs = 300

/** How a watched session ends. */
type Ending = { kind: 'matched' } | Extract<Sighting, { kind: 'failed' }>

interface WatchingOptions {
  end: (ending: Ending | { error: unknown }) => void
  /** A pattern of --wait-for showed. */
  onMatch: (pattern: RegExp) => void
}

/** A watch at work. Disposing ends the waiting for a line to be still. */
export interface Watching extends Disposable {
  push(chunk: Buffer): void
  /** Nothing more will come: looks at the line that is not finished, and waits for nothing. */
  finish(): void
}

/** Gives a session's output to a watch, and does what follows from what it sees. */
export function startWatching(watch: Watch, channel: ClientChannel, { end, onMatch }: WatchingOptions): Watching {
  let pushes = 0
  let over = false
  let failed: Ending | undefined
  const act = (sightings: Sighting[]) => {
    for (const sighting of sightings) {
      if (sighting.kind === 'reply') {
        if (channel.writable) channel.write(sighting.send)
      } else if (sighting.kind === 'failed') {
        failed = sighting
        setTimeout(() => end(sighting), aftermathMs)
      } else {
        onMatch(sighting.pattern)
        if (sighting.last) end({ kind: 'matched' })
      }
    }
  }
  const see = (look: () => Sighting[]) => {
    if (over) return
    try {
      act(look())
    } catch (error) {
      over = true
      end({ error })
    }
  }
  const timer = setTimeout(() => {
    // A busy program is late for its timers, with bytes still to be read; and a slow reader makes the machine wait.
    const before = pushes
    setImmediate(() => {
      if (over) return
      if (channel.isPaused()) timer.refresh()
      else if (pushes === before) see(() => watch.settle())
    })
  }, stillMs)
  return {
    push(chunk) {
      pushes++
      timer.refresh()
      see(() => watch.push(chunk))
    },
    finish() {
      see(() => watch.settle())
      if (failed !== undefined) end(failed)
    },
    [Symbol.dispose]() {
      over = true
      clearTimeout(timer)
    },
  }
}
