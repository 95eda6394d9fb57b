// What is done with a lab that runs: env, page, status, stop, logs, forward.
import { createReadStream } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { errorCode, exitCodes, LabError, UsageError } from '../../errors.ts'
import { homeFolder } from '../../files/home-folder.ts'
import type { Context } from '../../io.ts'
import { askLab } from '../../lab/state/ask-lab.ts'
import { findProcess } from '../../lab/state/process-name.ts'
import {
  defaultName,
  findRunningLab,
  listRunningLabs,
  nameFlag,
  type RunningLab,
} from '../../lab/state/running-labs.ts'
import { quoteValue, quoteWord } from '../../text/shell-word.ts'
import { formatAge } from '../../text/age.ts'
import { formatTable } from '../../text/table.ts'

/** Where labs keep keys and records: $XDG_STATE_HOME/metalkit/lab, by default under ~/.local/state. A relative one does not count. */
export function stateFolderOf(env: Context['env']): string {
  const state = env['XDG_STATE_HOME'] ?? ''
  return join(isAbsolute(state) ? state : join(homeFolder(env), '.local/state'), 'metalkit/lab')
}

/** Where a lab in the background writes what it says. */
export function logPathOf(stateFolder: string, name: string): string {
  return join(stateFolder, 'logs', `${name}.log`)
}

/** What is asked of a lab, after its word. */
interface Request {
  /** --name, where it is given. */
  name: string | undefined
  words: readonly string[]
  context: Context
}

function noLab(name: string | undefined): LabError {
  return new LabError(name === undefined ? 'no lab runs' : `no lab named "${name}" runs`, {
    hint: `start one with metalkit lab${nameFlag(name ?? defaultName)}`,
  })
}

async function requireLab({ name, context }: Request): Promise<RunningLab> {
  const lab = await findRunningLab(stateFolderOf(context.env), name)
  if (lab === undefined) throw noLab(name)
  return lab
}

async function printEnvironment(request: Request): Promise<void> {
  for (const [name, value] of Object.entries((await requireLab(request)).environment)) {
    request.context.stdout.write(`export ${name}=${quoteValue(value)}\n`)
  }
}

/** The token is in the part of the link that browsers keep to themselves. */
async function printPageLink(request: Request): Promise<void> {
  const { METAL_API_URL: apiUrl = '', METAL_API_TOKEN: token = '' } = (await requireLab(request)).environment
  request.context.stdout.write(`${new URL('/', apiUrl).href}#token=${encodeURIComponent(token)}\n`)
}

/** `2 (1 active, 1 inactive)`, or that the lab does not answer. */
async function describeMachines(lab: RunningLab): Promise<string> {
  try {
    const path = `/metal/v1/projects/${lab.environment['METAL_PROJECT_ID'] ?? ''}/devices?per_page=1000`
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab's own answer
    const { devices } = (await askLab(lab, 'GET', path)) as { devices: { state: string }[] }
    const counts = new Map<string, number>()
    for (const { state } of devices) counts.set(state, (counts.get(state) ?? 0) + 1)
    const parts = [...counts].map(([state, count]) => `${count} ${state}`)
    return parts.length === 0 ? '0' : `${devices.length} (${parts.join(', ')})`
  } catch {
    return 'does not answer'
  }
}

async function printStatus({ name, context }: Request): Promise<void> {
  const running = await listRunningLabs(stateFolderOf(context.env))
  const labs = running.filter((lab) => name === undefined || lab.name === name)
  if (labs.length === 0) throw noLab(name)
  const rows = await Promise.all(
    labs.map(async (lab) => [
      lab.name ?? '-',
      lab.process.split(' ')[0] ?? '',
      formatAge(Date.now() - Date.parse(lab.startedAt)),
      lab.environment['METAL_API_URL'] ?? '',
      await describeMachines(lab),
    ]),
  )
  context.stdout.write(formatTable([['NAME', 'PROCESS', 'AGE', 'API', 'MACHINES'], ...rows], context.stdout.columns))
}

/** How long a lab may take to switch its machines off. */
const stopTimeoutMs = 60_000

async function stop(request: Request): Promise<void> {
  const { context } = request
  const lab = await requireLab(request)
  const pid = await findProcess(lab.process)
  if (pid === undefined) {
    throw new LabError('the lab runs in another container, where its process has another number', {
      hint: 'stop it there',
    })
  }
  process.kill(pid, 'SIGTERM')
  const endMs = Date.now() + stopTimeoutMs
  while ((await findProcess(lab.process)) !== undefined) {
    if (Date.now() > endMs) throw new LabError(`the lab does not end, process ${pid}`, { hint: 'kill it' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    context.signal.throwIfAborted()
  }
  context.report.info(`The lab ${lab.name === undefined ? '' : `"${lab.name}" `}has ended.`)
}

async function printLogs({ name: asked, context }: Request): Promise<void> {
  const stateFolder = stateFolderOf(context.env)
  // Without a name the one that runs is meant, as for the other words, and else the unnamed one that ran.
  const name = asked ?? (await findRunningLab(stateFolder))?.name ?? defaultName
  const path = logPathOf(stateFolder, name)
  try {
    await pipeline(createReadStream(path), context.stdout, { end: false })
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause
    throw new LabError(`no lab named "${name}" has run in the background`, {
      hint: `start one with metalkit lab -d${nameFlag(name)}`,
      cause,
    })
  }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new UsageError(`"${text}" is not a port`, { hint: 'give a number up to 65535' })
  return port
}

async function forward(request: Request): Promise<void> {
  const [id, port, hostPort] = request.words
  if (id === undefined || port === undefined) {
    throw new UsageError('lab forward needs a machine and a port', { hint: 'write metalkit lab forward ID PORT' })
  }
  const body = { port: parsePort(port), host_port: parsePort(hostPort) ?? null }
  const answer = await askLab(
    await requireLab(request),
    'POST',
    `/lab/devices/${encodeURIComponent(id)}/forwards`,
    body,
  )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab's own answer
  const { host, host_port: found } = answer as { host: string; host_port: number }
  request.context.stdout.write(`${host}:${found}\n`)
}

/** The words, what they do, and how many more words they take. */
const verbs: Readonly<Record<string, readonly [run: (request: Request) => Promise<void>, mostWords: number]>> = {
  env: [printEnvironment, 0],
  page: [printPageLink, 0],
  status: [printStatus, 0],
  stop: [stop, 0],
  logs: [printLogs, 0],
  forward: [forward, 3],
}

/** Does what the word says with a lab that runs. @throws UsageError for a word or an argument it does not know */
export async function controlLab(word: string, request: Request): Promise<number> {
  const [run, mostWords = 0] = Object.hasOwn(verbs, word) ? (verbs[word] ?? []) : []
  const stray = run === undefined ? word : request.words[mostWords]
  if (run === undefined || stray !== undefined) {
    const shown = run === undefined ? word : `${word} ${stray}`
    const general = `write metalkit lab, metalkit lab ${Object.keys(verbs).join('|')}, or metalkit lab -- COMMAND`
    // `lab stop NAME` is what people who know docker write.
    const named =
      run === undefined || stray === undefined ? undefined : `metalkit lab ${word} --name ${quoteWord(stray)}`
    throw new UsageError(`lab does not know "${shown}"`, {
      hint: named === undefined ? general : `if that is the lab's name, write ${named}`,
    })
  }
  await run(request)
  return exitCodes.success
}
