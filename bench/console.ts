// The console compared with ssh, both against OpenSSH's sshd: bytes per second, CPU and memory for a gigabyte, the echo of a key,
// and the time to connect.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { makeFolder, type TestFolder } from '../test/helpers/folder.ts'
import { makeKey, startSshd, type TestKey } from '../test/helpers/sshd.ts'
import type { BenchOptions } from './bench.ts'
import { type Contender, compare, median } from './frame/compare.ts'
import { cleanEnv, cpuSecondsOf, findProgram, metalkit, peakMemoryOf, stop } from './frame/program.ts'

const floodBytes = 1_000_000_000
const keys = 300

/** A Metal API that knows one machine. */
async function startApi(id: string) {
  const server = createServer((request, response) => {
    const body = request.url?.includes('/events') ? { events: [] } : { id, state: 'active' }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}/metal/v1`, close: () => server.close() }
}

/** The command lines of both programs for the same machine, which runs `command`. */
async function startBoth(folder: TestFolder, hostKey: TestKey, userKey: TestKey, command: string) {
  const sshd = await startSshd(folder, { hostKeys: [hostKey], authorized: [userKey], command })
  const api = await startApi(sshd.username)
  const known = folder.write(`known-${sshd.port}`, `[127.0.0.1]:${sshd.port} ${hostKey.line}\n`)
  const options = [
    `UserKnownHostsFile=${known}`,
    'GlobalKnownHostsFile=none',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
  ]
  const ssh = ['-F', 'none', '-T', ...options.flatMap((option) => ['-o', option]), '-i', userKey.file]
  const env = {
    ...cleanEnv(),
    METAL_API_URL: api.url,
    METAL_API_TOKEN: 'bench',
    METAL_SOS: `127.0.0.1:${sshd.port}`,
    METAL_IDENTITY: userKey.file,
    METAL_KNOWN_HOSTS: known,
  }
  return {
    ssh: () => spawn('ssh', [...ssh, '-p', String(sshd.port), '127.0.0.1'], { stdio: ['pipe', 'pipe', 'ignore'], env }),
    metalkit: (...args: string[]) =>
      spawn(process.execPath, [metalkit, 'console', ...args, sshd.username], {
        stdio: ['pipe', 'pipe', 'ignore'],
        env,
      }),
    async [Symbol.asyncDispose]() {
      api.close()
      await sshd[Symbol.asyncDispose]()
    },
  }
}

/** Reads a program's output to its end, or until that many bytes have arrived. */
async function drainAll(child: ChildProcess, enough = Infinity): Promise<Record<string, number>> {
  const startMs = performance.now()
  let [bytes, cpu, memory] = [0, 0, 0]
  let [firstMs, lastMs] = [Number.NaN, Number.NaN]
  child.stdout?.on('data', (chunk: Buffer) => {
    if (bytes === 0) firstMs = performance.now()
    bytes += chunk.length
    if (bytes >= enough && Number.isNaN(lastMs)) {
      lastMs = performance.now()
      void stop(child)
    }
  })
  const look = setInterval(() => {
    const { pid } = child
    if (pid === undefined) return
    memory = peakMemoryOf(pid) ?? memory
    try {
      cpu = cpuSecondsOf(pid)
    } catch {
      // It has already ended.
    }
  }, 10)
  await once(child, 'close')
  clearInterval(look)
  const seconds = ((Number.isNaN(lastMs) ? performance.now() : lastMs) - firstMs) / 1000
  return { rate: bytes / 1e6 / seconds, cpu, memory, connect: firstMs - startMs }
}

/** The median time until a key is echoed. */
async function measureEcho(child: ChildProcess): Promise<Record<string, number>> {
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  await once(stdout, 'data')
  const times: number[] = []
  for (let i = 0; i < keys; i++) {
    const startMs = performance.now()
    const echoed = once(stdout, 'data')
    stdin.write('x')
    await echoed
    times.push(performance.now() - startMs)
  }
  await stop(child)
  return { echo: median(times) }
}

/** `npm run bench -- console [flood|echo|connect]`. */
export async function bench({ rounds = 5, parts }: BenchOptions): Promise<void> {
  if (findProgram('sshd') === undefined || findProgram('ssh') === undefined) {
    console.log('OpenSSH is not installed: there is nothing to compare with.')
    return
  }
  using folder = makeFolder()
  const [hostKey, userKey] = [makeKey(folder.path, 'host', 'ed25519'), makeKey(folder.path, 'user', 'ed25519')]
  const wants = (part: string) => parts.length === 0 || parts.includes(part)

  if (wants('flood')) {
    const line = 'an ordinary line of a console, as a kernel prints them'
    const flood = `echo up; yes '${line}' | head -c ${floodBytes}; echo THE-END`
    await using both = await startBoth(folder, hostKey, userKey, flood)
    const contenders: Contender[] = [
      { name: 'ssh', run: () => drainAll(both.ssh()) },
      { name: 'metalkit', run: () => drainAll(both.metalkit('--no-default-failures'), floodBytes) },
      { name: 'metalkit --wait-for at the end', run: () => drainAll(both.metalkit('--wait-for', 'THE-END')) },
    ]
    const columns = [
      { key: 'rate', title: 'MB/s' },
      { key: 'cpu', title: 'CPU s', digits: 2 },
      { key: 'memory', title: 'RSS MB', alone: true },
    ]
    await compare({ title: '1 GB', columns, contenders, reference: 'ssh', rounds })
  }
  if (wants('echo')) {
    await using both = await startBoth(folder, hostKey, userKey, 'echo up; exec cat')
    const contenders: Contender[] = [
      { name: 'ssh', run: () => measureEcho(both.ssh()) },
      { name: 'metalkit', run: () => measureEcho(both.metalkit()) },
    ]
    const columns = [{ key: 'echo', title: 'ms', digits: 2 }]
    await compare({ title: `echo of a key, median of ${keys}`, columns, contenders, reference: 'ssh', rounds })
  }
  if (wants('connect')) {
    await using both = await startBoth(folder, hostKey, userKey, 'echo up')
    const contenders: Contender[] = [
      { name: 'ssh', run: () => drainAll(both.ssh()) },
      { name: 'metalkit', run: () => drainAll(both.metalkit('--wait-for', 'up')) },
    ]
    const columns = [{ key: 'connect', title: 'ms from start to first byte' }]
    await compare({ title: 'to connect', columns, contenders, reference: 'ssh', rounds: rounds * 3 })
  }
}
