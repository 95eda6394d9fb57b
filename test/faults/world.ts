// The setup for a case of the fault tables, and the checks of each: no machine lost, no secret printed, every message true.
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { bootScript } from '../../src/ipxe/boot-script.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import type { FaultDialect } from '../../src/lab/faults/dialect.ts'
import { type Later, parseFaults } from '../../src/lab/faults/faults.ts'
import { startServer } from '../../src/serve/server.ts'
import type { Clock } from '../../src/clock.ts'
import { createDatedClock, createStepClock } from '../helpers/clock.ts'
import { makeImage } from '../helpers/image.ts'
import { start } from '../helpers/io.ts'
import { attendedMachines, startTestLab, type TestLab, waitForState, waitUntil } from '../helpers/lab.ts'
import { createRecorder } from '../helpers/recorder.ts'

/** How a run ended. */
export interface Ending {
  code: number
  stdout: string
  stderr: string
}

/** An image that all cases share, at a working base URL, with other scripts beside it. */
export async function publishImage(scripts: Readonly<Record<string, (baseUrl: string) => string>> = {}) {
  const image = await makeImage()
  const files = new Map(
    ['kernel', 'initrd.img'].map((part) => [`demo-${part}`, { path: `${image.prefix}-${part}` }] as const),
  )
  const content = new Map<string, { path: string } | { text: string }>(files)
  const server = await startServer({
    listen: { host: '127.0.0.1', port: 0 },
    content: { kind: 'files', files: content },
    report: createRecorder(),
  })
  content.set('demo-equinixmetal.ipxe', {
    text: bootScript({ name: 'demo', baseUrl: server.url, arch: 'x86_64', cmdline: 'console=ttyS1' }),
  })
  for (const [name, textFor] of Object.entries(scripts)) content.set(name, { text: textFor(server.url) })
  return {
    baseUrl: server.url,
    prefix: image.prefix,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await image[Symbol.asyncDispose]()
    },
  }
}

/** Something that costs money or counts towards a limit until it is deleted, and the names that a message may give it. */
export interface Remain {
  id: string
  names: string[]
  /** True for what only goes with its machine, such as a console connection: a kept machine does not excuse it. */
  isExtra?: boolean
}

/** A cloud in which faults are played; what is undefined is as in a lab of the Metal API. */
export interface Stage extends TestLab {
  dialect?: FaultDialect
  /** What must not be printed, besides the token and the key of the consoles. */
  secrets?: readonly (string | RegExp)[]
  remains?(): Promise<Remain[]>
  /** Adds an existing machine of the user. @returns its id */
  addMachine?(baseUrl: string): Promise<string>
  /** Waits until only these devices have a machine that is on. @returns what cannot happen to machines of one's own, and did */
  losses?(own: readonly string[]): Promise<string[]>
}

/** Starts a cloud whose devices are queued for some time. `later` is for requests that a fault carries out after their answer. */
export type OpenStage = (pace: { queuedMs: number; stepMs?: number }, later?: Later) => Promise<Stage>

/** A lab. */
export const openLab: OpenStage = async (pace, later) => await startTestLab({ driver: attendedMachines(), pace, later })

/** The machines that cost money. */
export async function machinesIn(lab: TestLab): Promise<{ id: string; tags: string[] }[]> {
  const { json } = await lab.call('GET', `/projects/${lab.projectId}/devices?per_page=100`)
  return json.devices.filter(({ state }: { state: string }) => state !== 'deprovisioning')
}

/** An existing machine of the user, active. */
export async function addMachine(lab: TestLab, baseUrl: string): Promise<string> {
  const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
    plan: 'c3.small.x86',
    metro: 'am',
    operating_system: 'custom_ipxe',
    ipxe_script_url: `${baseUrl}/demo-equinixmetal.ipxe`,
    tags: ['metalkit'],
  })
  await waitForState(lab, json.id, 'active')
  return json.id
}

/** What is left in a cloud. */
export async function remainsOf(stage: Stage): Promise<Remain[]> {
  if (stage.remains !== undefined) return await stage.remains()
  const machines = await machinesIn(stage)
  return machines.map(({ id, tags }) => ({ id, names: [id, ...tags.filter((tag) => tag !== 'metalkit')] }))
}

/** How much faster time passes for the program. */
const usualFactor = 100

/** Runs the program in this process, with its waits accelerated, or on another clock. */
export async function runFast(
  lab: Stage,
  argv: readonly string[],
  env: Record<string, string> = {},
  clock: Clock = createDatedClock(usualFactor),
): Promise<Ending> {
  const { code, texts } = start(['-vv', ...argv], { ...labEnvironment(lab), ...env }, clock)
  return { code: await code, ...texts }
}

/** The commands that errors and hints show, with the settings before them. */
export function commandsIn(text: string): string[] {
  return text.match(/(?:[A-Z][A-Z0-9_]*=(?:'[^']*'|[^\s'])* )*metalkit rm [\w-](?:[\w. -]*[\w-])?/g) ?? []
}

/** Runs a command that was shown as a shell would, in this process: a shell reads its words and its settings. */
export async function runShown(lab: Stage, command: string): Promise<Ending> {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-shown-'))
  try {
    const file = join(folder, 'metalkit')
    writeFileSync(file, '#!/bin/sh\nprintf "%s\\0" "$@" ""\nexec env -0\n')
    chmodSync(file, 0o755)
    const path = `${folder}:${process.env['PATH'] ?? ''}`
    const { stdout } = await promisify(execFile)('sh', ['-c', command], { env: { ...labEnvironment(lab), PATH: path } })
    const [words = '', settings = ''] = stdout.split('\0\0')
    const env = settings.split('\0').flatMap((line) => {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(line) ?? []
      return ['', 'PATH', 'PWD'].includes(name) ? [] : [[name, value] as const]
    })
    return await runFast(lab, words.split('\0'), Object.fromEntries(env))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whether a text has a secret. */
function isTold(said: string, secret: string | RegExp): boolean {
  return typeof secret === 'string' ? said.includes(secret) : secret.test(said)
}

/**
 * The problems with an ending; empty if it is right. Whatever remains must be named, and the commands shown for it must
 * delete it.
 */
export async function judge(
  lab: Stage,
  ending: Ending,
  own: readonly string[] = [],
  { isKept = false }: { isKept?: boolean } = {},
): Promise<string[]> {
  lab.faults.set([])
  const wrongs: string[] = []
  const said = ending.stdout + ending.stderr
  if (said.includes(lab.token) || lab.lines.some((line) => line.includes(lab.token))) wrongs.push('the token is told')
  if (said.includes((await readFile(lab.userKeyPath, 'utf8')).split('\n')[2] ?? 'x')) wrongs.push('the key is told')
  if (lab.secrets?.some((secret) => isTold(said, secret))) wrongs.push('a secret is told')
  if (/internal error|^ {4}at /m.test(ending.stderr)) wrongs.push('a defect shows')
  const all = await remainsOf(lab)
  for (const id of own) {
    if (!all.some((device) => device.id === id)) wrongs.push("the user's own machine is gone")
  }
  const left = all.filter(({ id }) => !own.includes(id))
  if (left.length > 0) {
    if (ending.code === 0 && !isKept) wrongs.push('a machine is left, and the exit code is 0')
    const lines = ending.stderr.split('\n')
    const tail = lines.filter((line) => /^(?:metalkit|Delete it|Give it back): /.test(line))
    for (const { id, names, isExtra = false } of left) {
      // What goes with its machine has a warning, which may come before the end.
      const words = isExtra ? lines.filter((line) => /could not be deleted|may be left/.test(line)) : tail
      if (!names.some((name) => words.some((line) => line.includes(name)))) {
        wrongs.push(`LOST: ${id} is left, and no error names it`)
      }
    }
    for (const command of commandsIn(tail.join('\n'))) {
      const removal = await runShown(lab, command)
      if (removal.code !== 0) wrongs.push(`the command shown ends with ${removal.code}: ${removal.stderr}`)
    }
    const still = (await remainsOf(lab)).filter(({ id }) => !own.includes(id))
    if (still.length > 0) wrongs.push(`LOST: the command shown does not remove ${still.map(({ id }) => id).join()}`)
  }
  return [...wrongs, ...((await lab.losses?.(own)) ?? [])]
}

/** How a case is played. */
export interface Play {
  /** Whether it boots an existing machine. */
  existing?: boolean
  queuedMs?: number
  /** Whether a fault that was not played is wrong. */
  allPlayed?: boolean
  isKept?: boolean
  /** Whether time passes only in the waits of the run, and for its faults with it: for endings that depend on what comes first. */
  isStepped?: boolean
  open?: OpenStage
}

/** A cloud for one case, with an existing machine if the case boots one. */
export async function playCase(
  faults: string,
  image: { baseUrl: string; prefix: string },
  args: (device: string) => readonly string[],
  { existing = false, queuedMs = 30, allPlayed = true, isKept = false, isStepped = false, open = openLab }: Play = {},
) {
  const steps = isStepped ? createStepClock(usualFactor) : undefined
  await using lab = await open(
    { queuedMs },
    steps === undefined ? undefined : (ms, act) => steps.later(ms * usualFactor, act),
  )
  const own = existing ? await (lab.addMachine?.(image.baseUrl) ?? addMachine(lab, image.baseUrl)) : ''
  lab.faults.set(parseFaults(faults, lab.dialect))
  const startedMs = performance.now()
  const ending = await runFast(lab, args(own), {}, steps)
  const tookMs = Math.round(performance.now() - startedMs)
  // A machine that comes after its run has ended is lost too, except of a create that was answered with 429: those act soon.
  const acts = [...faults.matchAll(/create:(?!429)\S+ act=(\d+)ms/g)].map(([, ms]) => Number(ms))
  if (acts.length > 0) {
    steps?.finish()
    await pause(steps === undefined ? Math.max(0, Math.max(...acts) + 200 - tookMs) : 200)
  }
  const played = lab.faults.list()
  const owned = existing && args(own)[0] !== 'rm' ? [own] : []
  const wrongs = await judge(lab, ending, owned, { isKept })
  const unplayed = played.filter((fault) => fault.played === 0).map(({ fault }) => fault)
  if (allPlayed && unplayed.length > 0) wrongs.push(`not played: ${unplayed.join()}`)
  await waitUntil(
    () => remainsOf(lab),
    (left) => left.length <= (existing ? 1 : 0),
  )
  return { ...ending, wrongs, tookMs, played }
}

/** Runs tasks, at most the given number at a time. @returns a promise for each */
export function runPooled<T>(tasks: readonly (() => Promise<T>)[], width: number): Promise<T>[] {
  let running = 0
  const waiting: (() => void)[] = []
  return tasks.map(async (task) => {
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  })
}
