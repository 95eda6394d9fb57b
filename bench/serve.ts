// serve compared with nginx (one process, sendfile), Go's http.FileServer, send and sirv: bulk with 1 to 256 clients, small files, fairness.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { BenchOptions } from './bench.ts'
import { type Column, compare, median, type Sample } from './frame/compare.ts'
import { dataFolder, makeRandomFile } from './frame/data.ts'
import { cleanEnv, cpuSecondsOf, peakMemoryOf } from './frame/program.ts'
import type { Load, LoadResult } from './serve/load.ts'
import { listServers, startServer } from './serve/servers.ts'

const seconds = 3
const folder = join(dataFolder, 'www')
const run = promisify(execFile)
const columns = {
  rate: { key: 'rate', title: 'MB/s' },
  cpu: { key: 'cpu', title: 'CPU s per GB', digits: 2 },
  memory: { key: 'memory', title: 'peak MB', alone: true },
  requests: { key: 'requests', title: 'requests/s' },
  cpuMs: { key: 'cpuMs', title: 'CPU ms per request', digits: 3 },
  p50: { key: 'p50', title: 'median ms', digits: 1 },
  p95: { key: 'p95', title: 'p95 ms', digits: 1 },
  spread: { key: 'spread', title: 'slowest / median', digits: 2, alone: true },
} satisfies Record<string, Column>

/** One part of the benchmark: the work of the clients, and the figures shown. */
interface Part {
  title: string
  columns: readonly Column[]
  load: (port: number) => Load
}

const parts: Record<string, Part> = {
  small: {
    title: '10 KB files, 64 clients',
    columns: [columns.requests, columns.cpuMs, columns.memory],
    load: (port) => ({ kind: 'repeat', port, path: '/small', clients: 64, seconds }),
  },
  fair: {
    title: '20 MB to 256 clients at once',
    columns: [columns.rate, columns.spread, columns.memory],
    load: (port) => ({ kind: 'once', port, path: '/initrd', clients: 256 }),
  },
  beside: {
    title: 'a 10 KB file beside 32 downloads',
    columns: [columns.p50, columns.p95, columns.rate],
    load: (port) => ({ kind: 'beside', port, path: '/big', small: '/small', clients: 32, seconds }),
  },
}
for (const clients of [1, 8, 64, 256]) {
  parts[`bulk-${clients}`] = {
    title: `100 MB, ${clients} client${clients === 1 ? '' : 's'}`,
    columns: [columns.rate, columns.cpu, columns.memory],
    load: (port) => ({ kind: 'repeat', port, path: '/big', clients, seconds }),
  }
}

/** Starts a server, runs the load and collects the figures. */
async function measure(command: Parameters<typeof startServer>[0], part: Part): Promise<Sample> {
  await using server = await startServer(command, folder)
  const cpuBefore = cpuSecondsOf(server.pid)
  const script = join(import.meta.dirname, 'load.js')
  const { stdout } = await run(process.execPath, [script, JSON.stringify(part.load(server.port))], { env: cleanEnv() })
  const cpuSeconds = cpuSecondsOf(server.pid) - cpuBefore
  // oxlint-disable-next-line no-unsafe-type-assertion -- load.ts wrote it
  const result = JSON.parse(stdout) as LoadResult
  const at = (fraction: number) => result.times[Math.floor(result.times.length * fraction)] ?? Number.NaN
  return {
    rate: result.bytes / 1e6 / result.seconds,
    cpu: cpuSeconds / (result.bytes / 1e9),
    memory: peakMemoryOf(server.pid) ?? Number.NaN,
    requests: result.requests / result.seconds,
    cpuMs: (cpuSeconds * 1000) / result.requests,
    p50: at(0.5) * 1000,
    p95: at(0.95) * 1000,
    spread: (result.times.at(-1) ?? Number.NaN) / median(result.times),
  }
}

export async function bench({ rounds = 5, parts: chosen }: BenchOptions): Promise<void> {
  await makeRandomFile('www/big', 100_000_000)
  await makeRandomFile('www/initrd', 20_000_000)
  await makeRandomFile('www/small', 10_000)
  const servers = listServers()
  for (const [name, part] of Object.entries(parts)) {
    if (chosen.length > 0 && !chosen.some((prefix) => name.startsWith(prefix))) continue
    await compare({
      title: part.title,
      columns: part.columns,
      contenders: servers.map(({ name: server, command }) =>
        command === undefined ? { name: server, missing: server } : { name: server, run: () => measure(command, part) },
      ),
      reference: 'nginx',
      rounds,
    })
  }
}
