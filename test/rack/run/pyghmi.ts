// pyghmi's Bmc class as the BMC of a machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { findPython } from '../../helpers/needs.ts'
import type { WiredMachine } from './wired-machine.ts'

/** A BMC that runs. */
export interface RunningBmc extends AsyncDisposable {
  kill(): Promise<void>
  start(): Promise<void>
}

interface PyghmiOptions {
  machine: WiredMachine
  port: number
  password: string
  /** The device of its serial line. */
  sol?: string
  /** Words before the program, such as nsenter's. */
  before?: readonly string[]
  /** Waits until it answers. */
  ready: (isAlive: () => boolean) => Promise<void>
}

/** Starts one. */
export async function startPyghmi(options: PyghmiOptions): Promise<RunningBmc> {
  const { machine, port, password, sol, before = [], ready } = options
  const python = findPython('pyghmi') ?? 'python3'
  const script = join(import.meta.dirname, 'pyghmi-bmc.py')
  const words = [...before, python, script, String(port), machine.program]
  return await startBmc([...words, ...(sol === undefined ? [] : [sol])], ready, { BMC_PASSWORD: password })
}

/** Starts a program as a BMC, which ends with the test's process. */
export async function startBmc(
  words: readonly string[],
  ready: (isAlive: () => boolean) => Promise<void>,
  env: Record<string, string> = {},
): Promise<RunningBmc> {
  let child: ChildProcess | undefined
  let said = ''
  const start = async () => {
    const all = ['--pdeathsig', 'KILL', ...words]
    const started = spawn('setpriv', all, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
    child = started
    started.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await ready(() => {
      if (started.exitCode !== null || started.signalCode !== null) throw new Error(`the BMC has ended: ${said}`)
      return true
    })
  }
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await start()
  return { kill, start, [Symbol.asyncDispose]: kill }
}
