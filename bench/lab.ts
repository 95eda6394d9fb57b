// How long a lab and its run take from the command to QEMU's start, compared with a bare Node that starts another one.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  constants,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from '../test/helpers/port.ts'
import type { BenchOptions } from './bench.ts'
import { compare, type Contender } from './frame/compare.ts'
import { makeImage } from './frame/data.ts'
import { cleanEnv, findProgram, metalkit } from './frame/program.ts'
import { notePhases } from './lab-phases.ts'

const qemu = 'qemu-system-x86_64'

/** A QEMU that writes to a pipe when a machine starts, but not for the trial of KVM, a version or its folders. */
function wrapperOf(program: string, pipe: string): string {
  return `#!/bin/sh
case "$*" in
*'-name metalkit-00000000-'*) ;;
*'-name metalkit-'*) echo >'${pipe}' ;;
esac
exec '${program}' "$@"
`
}

/** A Node that starts another, which starts QEMU: the lower bound for two programs in Node. */
function bareNodes(): string[] {
  const inner = `require('child_process').spawn('${qemu}', ['-name', 'metalkit-1', '--version'])`
  const outer = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(inner)}])`
  return ['-e', outer]
}

/** The same by hand, without metalkit. */
const byHand = `'${process.execPath}' -e 0; '${process.execPath}' -e 0; exec ${qemu} -name metalkit-1 --version`

/** `npm run bench -- lab`. */
export async function bench({ rounds = 15 }: BenchOptions): Promise<void> {
  const program = findProgram(qemu)
  if (program === undefined) {
    console.log('QEMU is not installed: there is no start to wait for.')
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-bench-lab-'))
  const bin = join(folder, 'bin')
  const pipe = join(folder, 'starts')
  mkdirSync(bin)
  execFileSync('mkfifo', [pipe])
  writeFileSync(join(bin, qemu), wrapperOf(program, pipe))
  chmodSync(join(bin, qemu), 0o755)
  // Opened for reading and writing, so that it never reaches its end.
  const starts = createReadStream('', { fd: openSync(pipe, constants.O_RDWR) })
  const env = {
    ...cleanEnv(),
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_CACHE_HOME: join(folder, 'cache'),
  }
  const address = `127.0.0.1:${await findFreePort()}`
  const image = await makeImage()

  const phases = notePhases(folder)
  const measure = async (args: readonly string[], more: NodeJS.ProcessEnv = {}, meanwhile = async () => {}) => {
    // A killed lab leaves them, and the next one would clear them up.
    for (const name of ['disks', 'running']) {
      rmSync(join(folder, 'state/metalkit/lab', name), { recursive: true, force: true })
    }
    const startMs = performance.now()
    // In a process group of its own, which is ended as a whole; QEMU ends with the lab.
    const [file = '', ...rest] = args
    const child = spawn(file, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...env, ...more },
      detached: true,
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const exited = once(child, 'exit')
    const outcome = await Promise.race([once(starts, 'data').then(() => 'started'), exited.then(() => 'ended')])
    const ms = performance.now() - startMs
    // A bare Node may have ended after starting the other one.
    if (outcome === 'ended' && child.exitCode !== 0) throw new Error(`the lab ended: ${said}`)
    await meanwhile()
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // The whole group has ended.
    }
    await exited
    if (more === phases.env) phases.finish(startMs, ms)
    return { ms }
  }
  const run = ['run', 'equinixmetal', '-serve', address, '-base-url', `http://${address}`, image]
  const command = [process.execPath, metalkit, 'lab', '--', process.execPath, metalkit, ...run]
  const contenders: Contender[] = [
    { name: 'node -e 0 twice, then QEMU by hand', run: () => measure(['sh', '-c', byHand]) },
    { name: 'node that starts node that starts QEMU', run: () => measure([process.execPath, ...bareNodes()]) },
    { name: 'metalkit lab -- metalkit run', run: () => measure(command) },
    { name: 'the same, without kept code', run: () => measure(command, { NODE_DISABLE_COMPILE_CACHE: '1' }) },
    { name: 'the same, with its phases noted', run: () => measure(command, phases.env) },
  ]
  // The first start compiles the code of both programs, and each keeps it after some seconds.
  const kept = join(folder, 'cache/metalkit')
  await measure(command, {}, async () => {
    while (!existsSync(kept) || readdirSync(kept).length < 2) await sleep(100)
  })
  const columns = [{ key: 'ms', title: 'ms to the start of QEMU' }]
  const results = await compare({ title: 'lab', columns, contenders, reference: contenders[0]?.name ?? '', rounds })
  for (const [name, samples] of results) {
    console.log(`least of ${name}: ${Math.min(...samples.map(({ ms = Number.NaN }) => ms)).toFixed(0)} ms`)
  }
  console.log('\nWhere the time goes, without the first round:\n')
  phases.print()
  // A pending read from a pipe without a writer would keep Node alive.
  writeFileSync(pipe, '\n')
  starts.destroy()
  rmSync(folder, { recursive: true, force: true })
}
