// The setup for a case of the fault tables, and the checks of each: no machine lost, no secret printed, every message true.
import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { bootScript } from '../../src/ipxe/boot-script.ts'
import { labEnvironment } from '../../src/lab/environment.ts'
import { parseFaults } from '../../src/lab/faults/faults.ts'
import { startServer } from '../../src/serve/server.ts'
import { createFastClock } from '../helpers/clock.ts'
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

/** A cloud in which faults are played. */
export interface Stage extends TestLab {
  /** Waits until only these devices have a machine that is on. @returns what cannot happen to machines of one's own, and did */
  losses?(own: readonly string[]): Promise<string[]>
}

/** Starts a cloud whose devices are queued for some time. */
export type OpenStage = (pace: { queuedMs: number }) => Promise<Stage>

/** A lab. */
export const openLab: OpenStage = async (pace) => await startTestLab({ driver: attendedMachines(), pace })

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

/** Runs the program in this process, with its waits accelerated a hundred times or by the given factor. */
export async function runFast(
  lab: TestLab,
  argv: readonly string[],
  env: Record<string, string> = {},
  factor = 100,
): Promise<Ending> {
  const { code, texts } = start(['-vv', ...argv], { ...labEnvironment(lab), ...env }, createFastClock(factor))
  return { code: await code, ...texts }
}

/**
 * The problems with an ending; empty if it is right. Remaining machines must be named, and the command shown for them must
 * delete them.
 */
export async function judge(lab: Stage, ending: Ending, own: readonly string[] = []): Promise<string[]> {
  lab.faults.set([])
  const wrongs: string[] = []
  const said = ending.stdout + ending.stderr
  if (said.includes(lab.token) || lab.lines.some((line) => line.includes(lab.token))) wrongs.push('the token is told')
  if (said.includes((await readFile(lab.userKeyPath, 'utf8')).split('\n')[2] ?? 'x')) wrongs.push('the key is told')
  if (/internal error|^ {4}at /m.test(ending.stderr)) wrongs.push('a defect shows')
  for (const id of own) {
    if (!(await machinesIn(lab)).some((device) => device.id === id)) wrongs.push("the user's own machine is gone")
  }
  const left = (await machinesIn(lab)).filter(({ id }) => !own.includes(id))
  if (left.length > 0) {
    if (ending.code === 0) wrongs.push('a machine is left, and the exit code is 0')
    const tail = ending.stderr.split('\n').filter((line) => line.startsWith('metalkit: '))
    for (const { id, tags } of left) {
      if (![id, ...tags.filter((tag) => tag !== 'metalkit')].some((name) => tail.some((line) => line.includes(name)))) {
        wrongs.push(`LOST: ${id} is left, and no error names it`)
      }
    }
    for (const [, args = ''] of tail.join('\n').matchAll(/metalkit (rm [\w -]+)/g)) {
      const removal = await runFast(lab, args.trim().split(' '))
      if (removal.code !== 0) wrongs.push(`the command shown ends with ${removal.code}: ${removal.stderr}`)
    }
    const still = (await machinesIn(lab)).filter(({ id }) => !own.includes(id))
    if (still.length > 0) wrongs.push(`LOST: the command shown does not remove ${still.map(({ id }) => id).join()}`)
  }
  return [...wrongs, ...((await lab.losses?.(own)) ?? [])]
}

/** A cloud for one case, with an existing machine if the case boots one. */
export async function playCase(
  faults: string,
  image: { baseUrl: string; prefix: string },
  args: (device: string) => readonly string[],
  {
    existing = false,
    queuedMs = 30,
    allPlayed = true,
    open = openLab,
  }: { existing?: boolean; queuedMs?: number; allPlayed?: boolean; open?: OpenStage } = {},
) {
  await using lab = await open({ queuedMs })
  const own = existing ? await addMachine(lab, image.baseUrl) : ''
  lab.faults.set(parseFaults(faults))
  const startedMs = performance.now()
  const ending = await runFast(lab, args(own))
  const tookMs = Math.round(performance.now() - startedMs)
  // A machine that comes after its run has ended is lost too, except of a create that was answered with 429: those act soon.
  const acts = [...faults.matchAll(/create:(?!429)\S+ act=(\d+)ms/g)].map(([, ms]) => Number(ms))
  if (acts.length > 0) await pause(Math.max(0, Math.max(...acts) + 200 - tookMs))
  const played = lab.faults.list().every((fault) => fault.played > 0)
  const wrongs = await judge(lab, ending, existing && args(own)[0] !== 'rm' ? [own] : [])
  if (allPlayed && !played) wrongs.push('the fault was not played')
  await waitUntil(
    () => machinesIn(lab),
    (left) => left.length <= (existing ? 1 : 0),
  )
  return { ...ending, wrongs, tookMs }
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
