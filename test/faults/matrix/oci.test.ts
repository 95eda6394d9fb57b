// The fault matrix of `run oci`: no machine and no console connection is lost, no secret is printed, whatever the API does.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ociScript } from '../../../src/ipxe/cloud-differences.ts'
import { bootScript, scriptName } from '../../../src/ipxe/boot-script.ts'
import { parseFaults } from '../../../src/lab/faults/faults.ts'
import { ociFaults } from '../../../src/lab/oci/faults.ts'
import { createFastClock } from '../../helpers/clock.ts'
import { start } from '../../helpers/io.ts'
import { attendedMachines } from '../../helpers/lab.ts'
import { type OciLab, startOciLab } from '../../lab/oci/oci-lab.ts'
import { type Ending, publishImage, runPooled } from '../world.ts'

/** A run with faults, and the exit codes with which it may end: 0 if it recovers, 9 if it cannot tell that a machine is gone. */
interface Row {
  faults: string
  code: number
  isKept?: boolean
}

const rows: Row[] = [
  { faults: 'create:drop-after x1', code: 0 },
  { faults: 'create:truncated x1', code: 0 },
  { faults: 'create:500 x1', code: 0 },
  { faults: 'create:500 act=0ms x1', code: 0 },
  { faults: 'create:504-html act=300ms x1', code: 0 },
  { faults: 'create:twice x1', code: 0 },
  { faults: 'create:500-capacity', code: 4 },
  { faults: 'create:401', code: 3 },
  { faults: 'create:fails x1', code: 6 },
  { faults: 'create:drop-after', code: 0 },
  { faults: 'create:drop-after x1, create:400-limit after=1 x1, list:lagging', code: 0 },
  { faults: 'create:drop-after x1, create:500-capacity after=1, list:lagging', code: 4 },
  { faults: 'capacity:500', code: 0 },
  { faults: 'get:500 x2', code: 0 },
  { faults: 'list:lagging, create:drop-after x6', code: 0 },
  { faults: 'delete:500 x1', code: 0 },
  { faults: 'delete:409 x2', code: 0 },
  { faults: 'delete:401', code: 9 },
  { faults: 'console:drop-after x1', code: 0, isKept: true },
  { faults: 'console:409 x2', code: 0, isKept: true },
  { faults: 'console:400-limit', code: 4, isKept: true },
  { faults: 'console:fails x1', code: 7, isKept: true },
  { faults: 'console-delete:401', code: 0, isKept: true },
  { faults: 'tunnel:busy x1', code: 0, isKept: true },
]

/** Signed requests carry the time, which may be five minutes off at most: the clock must not run much faster than the lab's. */
const factor = 10

async function runFast(lab: OciLab, args: readonly string[]): Promise<Ending> {
  const { code, texts } = start(['-vv', ...args], lab.environment, createFastClock(factor))
  return { code: await code, ...texts }
}

interface Listed {
  id: string
  lifecycleState: string
  freeformTags: Record<string, string>
}

/** What is not deleted, or being deleted. */
async function living(lab: OciLab, kind: 'instances' | 'instanceConsoleConnections'): Promise<Listed[]> {
  const { json } = await lab.oci('GET', `/${kind}?compartmentId=${lab.compartmentId}`)
  return json.filter(({ lifecycleState }: Listed) => !/^(TERMINAT|DELET)/.test(lifecycleState))
}

/** The problems with an ending; empty if it is right. What is left must be named, and the command shown must remove it. */
async function judge(lab: OciLab, { code, stdout, stderr }: Ending, isKept: boolean): Promise<string[]> {
  lab.faults.set([])
  const wrongs: string[] = []
  const said = stdout + stderr
  const key = readFileSync(lab.profile['key_file'] ?? '', 'utf8').split('\n')[2] ?? 'x'
  if (said.includes(key) || /PRIVATE KEY|signature="/.test(said)) wrongs.push('a secret is told')
  if (/internal error|^ {4}at /m.test(stderr)) wrongs.push('a defect shows')
  const connections = await living(lab, 'instanceConsoleConnections')
  for (const { id } of connections) if (!stderr.includes(`${id} could not be deleted`)) wrongs.push(`LOST: ${id}`)
  const machines = await living(lab, 'instances')
  const errors = stderr.split('\n').filter((line) => line.startsWith('metalkit: ') || line.startsWith('Delete it: '))
  if (machines.length > 0 && code === 0 && !isKept) wrongs.push('a machine is left, and the exit code is 0')
  for (const { id, freeformTags } of machines) {
    const names = [id, freeformTags['metalkit'] ?? id]
    if (!errors.some((line) => names.some((name) => line.includes(name)))) wrongs.push(`LOST: ${id} is left unnamed`)
  }
  for (const [, name = ''] of errors.join('\n').matchAll(/metalkit rm ([\w.-]+)/g)) {
    const removal = await runFast(lab, ['rm', name])
    if (removal.code !== 0) wrongs.push(`the command shown ends with ${removal.code}: ${removal.stderr}`)
  }
  const left = [...(await living(lab, 'instances')), ...(await living(lab, 'instanceConsoleConnections'))]
  if (left.length > 0) wrongs.push(`LOST: ${left.map(({ id }) => id).join()} cannot be removed as shown`)
  return wrongs
}

let image: Awaited<ReturnType<typeof publishImage>>
let results: Promise<Ending & { wrongs: string[] }>[] = []

async function play({ faults, isKept = false }: Row) {
  await using lab = await startOciLab({ driver: attendedMachines() })
  lab.faults.set(parseFaults(faults, ociFaults))
  const keep = isKept ? ['-keep'] : []
  const run = ['run', 'oci', '-machine', 'BM.Standard.E4.128', '-base-url', image.baseUrl, ...keep]
  const ending = await runFast(lab, [...run, '-wait-for', 'machine is up', '-timeout', '10m', image.prefix])
  // The machine of a create that is carried out late appears.
  await pause(faults.includes('act=') ? 500 : 0)
  const wrongs = lab.faults.list().some(({ played }) => played === 0) ? ['a fault was not played'] : []
  return { ...ending, wrongs: [...wrongs, ...(await judge(lab, ending, isKept))] }
}

beforeAll(async () => {
  const script = bootScript({ name: 'demo', baseUrl: '', arch: 'x86_64', cmdline: 'console=ttyS0', cloud: ociScript })
  image = await publishImage({
    [scriptName('demo', ociScript)]: (baseUrl) => script.replace('base-url ', `base-url ${baseUrl}`),
  })
  results = runPooled(
    rows.map((row) => () => play(row)),
    3,
  )
  for (const result of results) result.catch(() => {})
})
afterAll(() => image[Symbol.asyncDispose]())

test.each(rows.map((row, index) => ({ ...row, index })))(
  '$faults ends with $code',
  { timeout: 180_000 },
  async ({ code, index }) => {
    const result = await results[index]
    expect([result?.code, result?.wrongs], `${result?.stdout}${result?.stderr}`).toEqual([code, []])
  },
)
