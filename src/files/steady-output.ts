// Output to a file that may hang (NFS, FUSE): a separate process writes it and may be left behind. A write in this process would
// block the event loop or a thread, and even process.exit() would wait for it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { Writable } from 'node:stream'
import { nameTemporary } from './atomic-file.ts'

/** The last part of a writer's error message, such as `No space left on device`. */
function readComplaint(text: string): string {
  return text.trim().split(': ').at(-1) || 'its writer ended'
}

/**
 * A stream to an open file. It finishes once the file holds everything written; its errors have the system's wording.
 * The descriptor may be closed as soon as this returns.
 */
export function createSteadyOutput(fd: number): Writable {
  // In a session of its own: a Ctrl-C that ends the run does not cut the file off.
  const child = spawn('env', ['LC_ALL=C', 'cat'], { stdio: ['pipe', fd, 'pipe'], detached: true })
  const { stdin, stderr } = child
  if (stdin === null || stderr === null) throw new Error('the writer has no pipes')
  let complaint = ''
  let finish: (() => void) | undefined
  stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()))
  // The reason why it accepts no more is known only after it has ended.
  stdin.on('error', () => {})
  const stream = new Writable({
    highWaterMark: 65_536,
    write(chunk: Buffer, _encoding, done) {
      stdin.write(chunk, (error) => {
        if (!error) done()
      })
    },
    final(done) {
      finish = done
      stdin.end()
    },
  })
  child.once('error', (error) => stream.destroy(error))
  child.once('close', (code) => {
    if (code === 0) finish?.()
    else stream.destroy(new Error(readComplaint(complaint)))
  })
  child.unref()
  return stream
}

/** Writes "$1", which must not exist, and moves it to "$2", which must be missing or a plain file. */
const replaceScript = `set -C
cat >"$1" || exit 1
sync "$1" 2>/dev/null
if [ -f "$2" ] || [ ! -e "$2" ]; then mv -f "$1" "$2" && exit; else echo "$2: it is not a plain file" >&2; fi
rm -f "$1"
exit 1`

/** The same as replaceFile, in a process that continues when this one has ended. @throws Error with the system's wording */
export async function replaceFileElsewhere(path: string, text: string): Promise<void> {
  const words = ['LC_ALL=C', 'sh', '-c', replaceScript, 'sh', nameTemporary(path), path]
  const child = spawn('env', words, { stdio: ['pipe', 'ignore', 'pipe'], detached: true })
  child.unref()
  let complaint = ''
  child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(text)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(readComplaint(complaint).toLowerCase())
}

/**
 * Streams to files that are the program's own outputs, by descriptor. Outputs to the same file share one writer, so that lines
 * stay in order. The descriptors are replaced by /dev/null: the system would wait for the file when it closes them at the end.
 */
export function takeOverOutputs(fds: readonly number[], areSame: boolean): ReadonlyMap<number, Writable> {
  const streams = new Map<number, Writable>()
  for (const group of areSame ? [fds] : fds.map((fd) => [fd])) {
    const stream = createSteadyOutput(group[0] ?? 1)
    for (const fd of group) {
      closeSync(fd)
      // The system assigns the lowest free descriptor.
      openSync('/dev/null', 'w')
      streams.set(fd, stream)
    }
  }
  return streams
}
