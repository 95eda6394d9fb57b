// The watch during a session: matches send replies or end the session.
import type { ClientChannel } from 'ssh2'
import type { Sighting, Watch } from './watch.ts'

/** An incomplete line is searched after this much silence, since it may be a prompt. */
const stillMs = 100
/** Output that still belongs to a failure, after its first words. */
const aftermathMs = 300

/** How a watched session ends. */
type Ending = { kind: 'matched' } | Extract<Sighting, { kind: 'failed' }>

interface WatchingOptions {
  end: (ending: Ending | { error: unknown }) => void
  /** A pattern of --wait-for appeared. */
  onMatch: (pattern: RegExp) => void
}

/** An active watch. Disposing stops its timers. */
export interface Watching extends Disposable {
  push(chunk: Buffer): void
  /** No more output will come: searches the incomplete line at once. */
  finish(): void
}

/** Feeds a session's output to a watch, and acts on its matches. */
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
    // A busy program runs timers late, with bytes still unread; and a slow reader makes the machine wait.
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
