// One rack of simulated machines: `rack-life.js COUNT` prints what the life of a machine costs, as JSON. Each count has the same
// number of lives in all, of which the first half warms the process up.
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../src/clock.ts'
import type { Reporter } from '../src/io.ts'
import { rackPace } from '../src/rack/pace.ts'
import { createRecorder } from '../test/helpers/recorder.ts'
import { startSimulatedRack } from '../test/helpers/rack/rack.ts'

const lives = 400
const idleSeconds = 12

const count = Number(process.argv[2])
const say = () => {}
const silent: Reporter = {
  ...createRecorder(),
  error: say,
  warn: say,
  info: say,
  detail: say,
  debug: say,
  progress: say,
}
await using rack = await startSimulatedRack({
  count,
  clock: systemClock,
  pace: rackPace(60_000),
  plans: ['small'],
  report: silent,
})

async function call(method: string, path: string, body?: unknown): Promise<{ id: string }> {
  const headers = { 'x-auth-token': rack.token, 'content-type': 'application/json', connection: 'close' }
  const sent = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  const response = await fetch(rack.apiUrl + path, sent)
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status} ${text}`)
  return text === '' ? { id: '' } : JSON.parse(text)
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10)
}

async function createAll(): Promise<string[]> {
  const body = { plan: 'small', metro: 'am', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
  const create = async () => (await call('POST', `/projects/${rack.projectId}/devices`, body)).id
  const ids = await Promise.all(Array.from({ length: count }, create))
  await until(() => rack.devices().every(({ state }) => state === 'active'))
  return ids
}

async function deleteAll(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => call('DELETE', `/devices/${id}`)))
  await until(() => rack.devices().length === 0)
}

async function live(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) await deleteAll(await createAll())
}

/** Kilobytes of the heap that are in use. */
async function heap(): Promise<number> {
  // Finalizers run between two collections.
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await sleep(50)
  }
  return process.memoryUsage().heapUsed / 1000
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The CPU time of a second with nothing to do: the mean of all but the dearest, in which V8 returns the memory of the lives before. */
async function idleCpuMs(): Promise<number> {
  const seconds: number[] = []
  while (seconds.length < idleSeconds) {
    const startMs = cpuMs()
    await sleep(1000)
    seconds.push(cpuMs() - startMs)
  }
  const total = seconds.reduce((sum, ms) => sum + ms, 0)
  return (total - Math.max(...seconds)) / (idleSeconds - 1)
}

const rounds = lives / 2 / count
await live(rounds)
const before = { cpu: cpuMs(), ms: performance.now() }
await live(rounds)
const after = { cpu: cpuMs(), ms: performance.now() }
const emptyHeap = await heap()
const emptyCpu = await idleCpuMs()
const ids = await createAll()
const held = (await heap()) - emptyHeap
const heldCpu = (await idleCpuMs()) - emptyCpu
await deleteAll(ids)
const figures = {
  cpuMs: (after.cpu - before.cpu) / (rounds * count),
  wallMs: (after.ms - before.ms) / (rounds * count),
  heldCpuMs: (heldCpu / count) * 60,
  heldKilobytes: held / count,
}
console.log(JSON.stringify(figures))
