// A console that a test opens: its output, its reports, and a serial line of two ptys.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ReadStream } from 'node:tty'
import { stringify } from 'yaml'
import { expect, vi } from 'vitest'
import { type ConsoleHooks, openRackConsole, type RackConsole } from '../../../src/rack/console/open-console.ts'
import { parseRackFile } from '../../../src/rack/file/rack-file.ts'
import { findProgram } from '../../helpers/needs.ts'
import { createRecorder } from '../../helpers/recorder.ts'
import { fastWaits } from '../machine.ts'

/** An open console. */
export interface TestConsole extends AsyncDisposable {
  console: RackConsole
  /** Everything that the machine printed. */
  output(): string
  /** Everything that was reported. */
  lines: string[]
  type(text: string): void
}

/** Opens the console of r1, by the keys of the file. Waits pass 20 times faster. */
export async function openFor(
  keys: Record<string, unknown>,
  hooks: Partial<ConsoleHooks> & { folder?: string } = {},
): Promise<TestConsole> {
  const machine = {
    name: 'r1',
    plan: 'small',
    macs: ['52:54:00:aa:00:01'],
    firmware: 'uefi',
    power: 'by-hand',
    ...keys,
  }
  const text = stringify({ network: { address: '127.0.0.1' }, plans: { small: {} }, machines: [machine] })
  const file = parseRackFile(join(hooks.folder ?? '/', 'rack.yaml'), text)
  const [r1] = file.machines
  if (r1 === undefined) throw new Error('no machine')
  const report = createRecorder()
  const { signal } = new AbortController()
  const console = await openRackConsole(r1, file, { env: process.env, report, signal, clock: fastWaits, ...hooks })
  let output = ''
  console.line.on('data', (bytes: Buffer) => (output += bytes.toString('latin1')))
  return {
    console,
    output: () => output,
    lines: report.lines,
    type: (typed) => void console.line.write(Buffer.from(typed, 'latin1')),
    [Symbol.asyncDispose]: () => console[Symbol.asyncDispose](),
  }
}

/** A serial line: `near` is the computer's end, `far` the machine's. */
export interface PtyPair {
  near: string
  far: string
  /** Takes both away, as a pulled adapter. */
  kill(): Promise<void>
}

/** Makes one with socat. Its ends stay while nobody has them open. */
export async function makePtyPair(folder: string): Promise<PtyPair> {
  // ipmi_sim locks a device by the last part of its name, for the whole computer.
  const name = basename(folder)
  const [near, far] = [join(folder, `near-${name}`), join(folder, `far-${name}`)]
  const ends = [near, far].map((link) => `pty,rawer,link=${link},wait-slave=0`)
  const child = spawn(findProgram('socat') ?? 'socat', ends, { stdio: 'ignore' })
  await vi.waitUntil(() => existsSync(near) && existsSync(far), { timeout: 10_000 })
  return { near, far, kill: () => endProgram(child) }
}

/** The machine at the far end of a serial line. */
export interface FarEnd extends Disposable {
  /** Everything that was typed. */
  heard(): string
  print(text: string): void
}

/** Opens the far end. */
export function openFarEnd({ far }: PtyPair): FarEnd {
  const fd = openSync(far, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
  const stream = new ReadStream(fd)
  closeSync(fd)
  let heard = ''
  stream.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1'))).on('error', () => {})
  return {
    heard: () => heard,
    print: (text) => void stream.write(Buffer.from(text, 'latin1')),
    [Symbol.dispose]: () => void stream.destroy(),
  }
}

/** Waits until bytes pass in both directions; before, they are lost. */
export async function awaitLine(console: TestConsole, machine: FarEnd): Promise<void> {
  await expect
    .poll(
      () => {
        machine.print('.')
        console.type('.')
        return console.output().includes('.') && machine.heard().includes('.')
      },
      { timeout: 10_000 },
    )
    .toBe(true)
}

/** Kills a program and waits for its end. */
export async function endProgram(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
