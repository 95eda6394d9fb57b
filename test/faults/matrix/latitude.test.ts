// The fault matrix of `run` over a lab with Latitude.sh's face: each step with each kind of fault, once and always.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { setTimeout as pause } from 'node:timers/promises'
import { parseFaults } from '../../../src/lab/faults/faults.ts'
import { latitudeFaults } from '../../../src/lab/latitude/faults.ts'
import { waitUntil } from '../../helpers/lab.ts'
import {
  addServer,
  findFlaws,
  openLatitudeLab,
  publishLatitudeImage,
  runFast,
  serversIn,
} from '../../latitude/world.ts'
import { runPooled } from '../world.ts'
import { expected, type Family, familyOf, type Step } from './expected.ts'

const steps = ['create', 'get', 'delete', 'list', 'reinstall', 'console', 'projects', 'plans', 'keys'] as const
/** Kinds that mean the same to a client at every step, and those that one step answers. */
const everywhere = [
  '401',
  '403',
  '404',
  '422-provisioning',
  '429',
  '500',
  '502-html',
  'drop-before',
  'drop-after',
  'cut-body',
]
const special: Partial<Record<string, string[]>> = {
  create: ['402', '422-plan', '422-stock', '422-ipxe', '429 retry-after=2'],
  delete: ['403-role', '422-reserved', '423'],
  reinstall: ['422-reinstall', '423'],
  list: ['no-meta', 'filter-ignored', 'lagging for=200ms'],
}
/** A 429 that is carried out anyway is carried out soon, or the run only warns. */
const acts = [
  ...['500', '504-html', 'drop-before'].flatMap((kind) => [`${kind} act=0ms`, `${kind} act=2500ms`]),
  '429 act=0ms',
  '429 act=200ms',
]

/** The effect of a kind on a client, where this API differs: 403 does not mean gone, and some refusals are final. */
function effectOf(step: Step, kind: string): Family {
  if (kind === '422-provisioning') return step === 'console' || step === 'reinstall' ? 'busy' : 'refused'
  if (kind === '423' || kind === '403-role') return step === 'delete' ? 'final' : 'refused'
  if (kind === '403' || kind === '402') return 'refused'
  return kind.startsWith('429 act=') ? 'done' : familyOf(kind)
}

const cases = steps.flatMap((step) =>
  [...everywhere, ...(special[step] ?? []), ...(step === 'create' ? acts : [])].flatMap((kind) =>
    [0, 1].map((always) => ({
      step,
      text: `${step === 'list' ? 'create:drop-after x1, ' : ''}${step}:${kind}${always === 1 ? '' : ' x1'}`,
      // The machine of an endless 429 may be listed before or after the last attempt.
      codes: kind === '429 act=200ms' && always === 1 ? [0, 4] : [expected[step][effectOf(step, kind)]?.[always] ?? 0],
    })),
  ),
)

let image: Awaited<ReturnType<typeof publishLatitudeImage>>
let results: Promise<{ code: number; stderr: string; wrongs: string[] }>[] = []
let losses = 0
beforeAll(async () => {
  image = await publishLatitudeImage()
  results = runPooled(
    cases.map((row) => () => play(row)),
    12,
  )
  for (const result of results) result.catch(() => {})
})
afterAll(async () => {
  await image[Symbol.asyncDispose]()
  process.stderr.write(`fault matrix of Latitude.sh: ${cases.length} cases, ${losses} losses\n`)
})

/** Plays a case. Every machine that is left must be named by an error, and the command that it shows must delete it. */
async function play({ step, text }: (typeof cases)[number]) {
  await using lab = await openLatitudeLab({ queuedMs: 250 })
  const own = step === 'reinstall' ? await addServer(lab, 'web-1', `${image.baseUrl}/demo-latitude.ipxe`) : undefined
  if (own !== undefined) {
    await waitUntil(
      () => serversIn(lab),
      ([server]) => server?.attributes.status === 'on',
    )
  }
  lab.faults.set(parseFaults(text, latitudeFaults))
  const where = own === undefined ? ['-machine', 'c3-small-x86', '-metro', 'DAL'] : ['-device', own, '-yes']
  const startedMs = performance.now()
  const args = ['run', 'latitude', '-base-url', image.baseUrl, ...where, '-timeout', '30m', '-wait-for', 'is up']
  const ending = await runFast(lab, [...args, image.prefix])
  const wrongs = await findFlaws(lab, ending)
  for (const { fault } of lab.faults.list().filter(({ played }) => played === 0)) wrongs.push(`not played: ${fault}`)
  // A create that is carried out late makes a machine after a short run.
  const late = [...text.matchAll(/create:(?!429)\S+ act=(\d+)ms/g)].map(([, ms]) => Number(ms))
  if (late.length > 0) await pause(Math.max(0, Math.max(...late) + 200 - (performance.now() - startedMs)))
  lab.faults.set([])
  const left = async () =>
    (await serversIn(lab)).filter(({ id, attributes: { status } }) => id !== own && status !== 'deleting')
  const tail = ending.stderr.split('\n').filter((line) => line.startsWith('metalkit: '))
  for (const { id, attributes } of await left()) {
    const mark = attributes.hostname.slice(0, 28)
    if (!tail.some((line) => line.includes(id) || line.includes(mark))) wrongs.push(`LOST: no error names ${id}`)
    if (ending.code === 0) wrongs.push('a machine is left, and the exit code is 0')
  }
  const isLeft = (await left()).length > 0
  for (const [, words = ''] of isLeft ? tail.join('\n').matchAll(/metalkit (rm [\w -]+)/g) : []) {
    const removal = await runFast(lab, words.trim().split(' '))
    if (removal.code !== 0) wrongs.push(`the command shown ends with ${removal.code}: ${removal.stderr}`)
  }
  if ((await left()).length > 0) wrongs.push('LOST: the commands shown do not remove every machine')
  if (own !== undefined && !(await serversIn(lab)).some(({ id }) => id === own)) wrongs.push('the own machine is gone')
  return { code: ending.code, stderr: ending.stderr, wrongs }
}

test.each(cases.map(({ text, codes }, index) => [text, codes, index] as const))(
  '%s ends with %j',
  { timeout: 240_000 },
  async (_, codes, index) => {
    losses++
    const result = await results[index]
    expect(result?.wrongs, result?.stderr).toEqual([])
    losses--
    expect(codes, result?.stderr).toContain(result?.code)
  },
)
