// The fault matrix: each step of a run with each kind of fault, once and always, and how the run has to end.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { apiFaults } from '../../../src/lab/faults/fault-kinds.ts'
import { type OpenStage, playCase, publishImage, runPooled } from '../world.ts'
import { expected, familyOf } from './expected.ts'

const steps = ['create', 'get', 'events', 'delete', 'list', 'update', 'action'] as const
const acts = ['429', '500', '504-html', 'drop-before'].flatMap((kind) => [`${kind} act=0ms`, `${kind} act=2500ms`])
// At a hundred times the speed, a list that lags by 20 s would lag for the whole run.
const kinds = [
  ...[...apiFaults.keys()].filter((kind) => kind !== 'lagging'),
  '429 retry-after=2',
  '429 retry-after=900',
  '503 retry-after=2',
  'lagging for=200ms',
  ...acts,
]

/** How long a machine stays queued. A run waits five minutes for the answer to a create, and less for a lookup. */
function queuedMsOf(step: (typeof steps)[number], kind: string): number {
  if (step === 'create' && kind.startsWith('slow-headers')) return 6000
  return /slow|429|50/.test(kind) && (step === 'create' || step === 'list') ? 2000 : 250
}

/** How a run ends that takes long, as under load: by the grace after an unclear create, or when a late machine appears. */
interface SlowEnding {
  code: number
  /** Real time from the start of the run. */
  afterMs: number
}

/** The grace for a create without a clear answer is five minutes, at a hundred times the pace. */
const afterGrace: SlowEnding = { code: 0, afterMs: 3000 }

function slowEndingOf(step: (typeof steps)[number], kind: string, always: number): SlowEnding | undefined {
  if (step !== 'create') return undefined
  const family = familyOf(kind)
  if (always === 0) return family === 'broken' || family === 'unsent' ? afterGrace : undefined
  return family === 'late' ? { code: 0, afterMs: 2500 } : undefined
}

/** A list is requested if the answer to a create was lost; update and action need an existing machine. */
const single = steps.flatMap((step) =>
  kinds
    .filter((kind) => (step === 'create' || !kind.includes('act=')) && (step === 'list' || familyOf(kind) !== 'list'))
    .flatMap((kind) =>
      [0, 1].map((always) => {
        const family = familyOf(kind)
        const code = expected[step][family]?.[always] ?? 0
        // If an API requests a longer delay than anybody would wait, the run does not retry.
        const hopeless = kind.endsWith('=900') && ['create', 'get', 'update', 'action'].includes(step)
        const endless = step === 'get' && always === 1 ? 9 : 4
        return {
          step,
          kindOfCase: `${step} ${family} ${always}`,
          text: `${step === 'list' ? 'create:drop-after x1, ' : ''}${step}:${kind}${always === 1 ? '' : ' x1'}`,
          code: hopeless ? endless : code,
          slow: hopeless ? undefined : slowEndingOf(step, kind, always),
          // If the create is slow, the machine boots meanwhile, and its output before the console attaches is lost.
          queuedMs: queuedMsOf(step, kind),
        }
      }),
    ),
)

/** The cases. A create that is carried out twice does not account for one before it, which is late, or has no machine at all. */
export const table = [
  ...single,
  {
    step: 'create',
    kindOfCase: 'late and twice',
    text: 'create:500 act=1700ms x1, create:twice x1 after=1',
    code: 0,
    slow: undefined,
    queuedMs: 250,
  },
  {
    step: 'create',
    kindOfCase: 'none and twice',
    text: 'create:500 x1, create:twice x1 after=1',
    code: 9,
    slow: afterGrace,
    queuedMs: 250,
  },
] as const

/** A case. */
export type Case = (typeof table)[number]

/** The first case of each kind: a step with an effect on the client, once or always. */
export const oneOfEachKind = table.filter(
  ({ kindOfCase }, index) => table.findIndex((other) => other.kindOfCase === kindOfCase) === index,
)

/** Plays cases in a kind of cloud, with a test for each. @param cloud its name in the report */
export function playTable(cloud: string, cases: readonly Case[], open: OpenStage): void {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-faults-'))
  let image: Awaited<ReturnType<typeof publishImage>>
  let results: ReturnType<typeof playCase>[] = []
  const startedMs = performance.now()
  let losses = 0

  beforeAll(async () => {
    image = await publishImage()
    const run = ['run', 'equinixmetal', '-base-url', image.baseUrl, '-timeout', '1h', '-wait-for', 'is up']
    // The first run of a process takes seconds, which are many minutes at a hundred times the pace.
    const first = await playCase('', image, () => [...run, image.prefix], { queuedMs: 250, open })
    expect([first.code, first.wrongs]).toEqual([0, []])
    results = runPooled(
      cases.map(({ text, step, queuedMs }, index) => async () => {
        const existing = step === 'update' || step === 'action'
        const args = (id: string) => [
          ...run,
          ...(existing ? ['-device', id] : []),
          '-id-file',
          join(folder, `${index}.id`),
          image.prefix,
        ]
        return await playCase(text, image, args, { existing, queuedMs, open })
      }),
      12,
    )
    for (const result of results) result.catch(() => {})
  })
  afterAll(async () => {
    await image[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
    process.stderr.write(`fault matrix of ${cloud}: ${cases.length} cases, ${losses} losses, ${seconds} s\n`)
  })

  test.each(cases.map((row, index) => [row.text, row.code, index] as const))(
    '%s ends with %d',
    { timeout: 240_000 },
    async (_, code, index) => {
      losses++
      const result = await results[index]
      expect(result?.wrongs).toEqual([])
      losses--
      const slow = cases[index]?.slow
      const isSlow = slow !== undefined && result !== undefined && result.tookMs >= slow.afterMs
      expect([code, ...(isSlow ? [slow.code] : [])], result?.stderr).toContain(result?.code)
      const written = readdirSync(folder).filter((file) => file.startsWith(`${index}.id`))
      for (const file of written) expect(readFileSync(join(folder, file), 'utf8')).toMatch(/^[0-9a-f-]{36}\n$/)
      expect(result?.stderr).not.toMatch(/undefined|\[object/)
    },
  )
}
