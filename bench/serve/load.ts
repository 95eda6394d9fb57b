// The clients of the serve benchmark, in a program of their own so that their CPU time is separate from the server's. To cost as
// little as possible, it reads into one buffer and checks only lengths. Its argument is JSON, and its result one line of JSON.
import { connect, type Socket } from 'node:net'

/** The work of the clients, all at 127.0.0.1. */
export type Load =
  /** Fetch a file repeatedly over persistent connections for some seconds. */
  | { kind: 'repeat'; port: number; path: string; clients: number; seconds: number }
  /** Fetch a file once each, all at the same time. */
  | { kind: 'once'; port: number; path: string; clients: number }
  /** Fetch `small` over a new connection every 20 ms, while `clients` fetch `path` repeatedly. */
  | { kind: 'beside'; port: number; path: string; small: string; clients: number; seconds: number }

/** The results; times are in seconds, sorted. */
export interface LoadResult {
  bytes: number
  requests: number
  seconds: number
  times: number[]
}

const scratch = Buffer.allocUnsafeSlow(512 * 1024)
let bytes = 0
let requests = 0

/** One connection; `next` is called at the end of each answer and decides whether to send another request. */
function ask(port: number, path: string, next: () => boolean): Promise<void> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`)
  return new Promise((resolve, reject) => {
    let left = -1
    let head = ''
    /** Processes the received bytes. */
    const take = (length: number) => {
      for (let at = 0; at < length;) {
        if (left === -1) {
          const end = scratch.indexOf('\r\n\r\n', at)
          if (head !== '' || end === -1 || end > length) {
            throw new Error('the head of an answer came in pieces')
          }
          head = scratch.toString('latin1', at, end)
          if (!head.startsWith('HTTP/1.1 200')) throw new Error(`an answer was ${head.split('\r\n')[0]}`)
          left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1])
          head = ''
          at = end + 4
        }
        const body = Math.min(left, length - at)
        left -= body
        at += body
        bytes += body
        if (left > 0) return
        left = -1
        requests++
        if (next()) socket.write(request)
        else {
          socket.destroy()
          resolve()
          return
        }
      }
    }
    const socket: Socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: scratch,
        callback: (length) => {
          try {
            take(length)
          } catch (error) {
            socket.destroy()
            reject(error)
          }
          return true
        },
      },
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server closed a connection')))
    socket.write(request)
  })
}

/** Starts clients that continue until `isOver`. */
function startBulk(load: { port: number; path: string; clients: number }, isOver: () => boolean): Promise<void>[] {
  return Array.from({ length: load.clients }, () => ask(load.port, load.path, () => !isOver()))
}

async function perform(load: Load): Promise<LoadResult> {
  const startMs = performance.now()
  const elapsed = () => (performance.now() - startMs) / 1000
  const times: number[] = []
  if (load.kind === 'once') {
    await Promise.all(
      Array.from({ length: load.clients }, async () => {
        await ask(load.port, load.path, () => false)
        times.push(elapsed())
      }),
    )
    return { bytes, requests, seconds: elapsed(), times }
  }
  const bulk = startBulk(load, () => elapsed() >= load.seconds)
  // A broken connection ends the client. The end of the transfers is not awaited: large files take long.
  const broken = Promise.all(bulk).then(() => new Promise<never>(() => {}))
  const working = async () => {
    while (elapsed() < load.seconds) {
      if (load.kind === 'beside') {
        const askedMs = performance.now()
        await ask(load.port, load.small, () => false)
        times.push((performance.now() - askedMs) / 1000)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await Promise.race([working(), broken])
  return { bytes, requests, seconds: elapsed(), times: times.toSorted((a, b) => a - b) }
}

// oxlint-disable-next-line no-unsafe-type-assertion -- the bench wrote it
const load = JSON.parse(process.argv[2] ?? '') as Load
process.stdout.write(JSON.stringify(await perform(load)), () => process.exit(0))
