// Finds and runs programs, and measures their cost from /proc (Linux).
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of metalkit, to run with `node`. The benchmark builds it outside dist/. */
export const metalkit = join(import.meta.dirname, '../program/metalkit.cjs')

/** The path of a program, or undefined. It searches sbin too: Debian keeps servers there. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/** The environment for measurements: loading extra certificates costs every Node start 24 ms. */
export function cleanEnv(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...env } = process.env
  return env
}

const ticksPerSecond = 100

/** CPU seconds, user and system, in steps of 10 ms, of a process or of its ended children. */
export function cpuSecondsOf(pid: number | 'self', who: 'itself' | 'children' = 'itself'): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const at = who === 'itself' ? 11 : 13
  return (Number(fields[at]) + Number(fields[at + 1])) / ticksPerSecond
}

/** The peak memory of a process, in MB; undefined once it has ended. */
export function peakMemoryOf(pid: number): number | undefined {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : (Number(kilobytes) * 1024) / 1e6
  } catch {
    return undefined
  }
}

/** The cost of a complete run of a program. */
export interface Cost {
  seconds: number
  cpuSeconds: number
  /** The peak, sampled every 10 ms; NaN if the program ended sooner. */
  memoryMb: number
}

/**
 * Runs a program to its end, and syncs the file `output` to the disk; nothing else may run at the same time.
 * @throws if it fails
 */
export async function runToEnd(
  command: string,
  args: readonly string[],
  { input, output }: { input?: string; output?: string } = {},
): Promise<Cost> {
  const stdin = input === undefined ? undefined : openSync(input, 'r')
  const stdout = output === undefined ? undefined : openSync(output, 'w')
  const cpuBefore = cpuSecondsOf('self', 'children')
  const startMs = performance.now()
  const child = spawn(command, args, { stdio: [stdin ?? 'ignore', stdout ?? 'ignore', 'pipe'], env: cleanEnv() })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const { pid } = child
  let memoryMb = Number.NaN
  const look = () => {
    memoryMb = (pid === undefined ? undefined : peakMemoryOf(pid)) ?? memoryMb
  }
  const looking = setInterval(look, 10)
  const [code]: unknown[] = await once(child, 'exit')
  clearInterval(looking)
  if (stdout !== undefined) fdatasyncSync(stdout)
  const seconds = (performance.now() - startMs) / 1000
  for (const fd of [stdin, stdout]) if (fd !== undefined) closeSync(fd)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}: ${said}`)
  return { seconds, cpuSeconds: cpuSecondsOf('self', 'children') - cpuBefore, memoryMb }
}

/** Runs a program to its end. @returns its output @throws if it fails */
export async function runForOutput(command: string, args: readonly string[]): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(command, args, { env: cleanEnv() }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)))
  })
}

/** Ends a running program, and waits for its exit. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}
