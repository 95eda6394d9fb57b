import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listKinds, parseFaults } from '../../src/lab/faults/faults.ts'
import { needs } from '../helpers/needs.ts'
import { createRandom } from '../helpers/random.ts'
import { startChild } from './children.ts'
import { type FaultCloud, faultClouds, publishForAll } from './clouds.ts'
import { judge, playCase, remainsOf, runFast, runPooled } from './world.ts'

/**
 * To repeat 500 cases of each cloud: `METALKIT_SOAK_SEED=1234 METALKIT_SOAK_COUNT=500 npx vitest run test/faults/soak.test.ts`; with
 * `METALKIT_SOAK_CLOUD=oci`, of one.
 */
const firstSeed = Number(process.env['METALKIT_SOAK_SEED'] ?? Date.now() % 1_000_000)
const requested = process.env['METALKIT_SOAK_COUNT']
const chosen = process.env['METALKIT_SOAK_CLOUD']

/** Refusals after which a request that creates something may still be carried out: no other answer is a lie. */
const uncertain = /^(?:429|50\d(?:-html)?|drop-before)$/

/** Refusals that end a deletion at once, or soon. A run believes them, so they are never followed by the deletion. */
const final = /^(?:401|403-role|422-reserved|423)$/

/** Two to six faults, each starting at some request, for a few requests or permanently. */
function drawFaults({ steps, faults: dialect }: FaultCloud, random: () => number): string {
  const draw = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const faults = Array.from({ length: 2 + Math.floor(random() * 5) }, () => {
    const step = draw(steps) ?? ''
    const kind = draw(listKinds(step, dialect)) ?? ''
    const fault = dialect.kinds.get(kind)
    const isCreating = step === 'create' || step === 'console'
    const isTrue = isCreating ? !uncertain.test(kind) : step === 'delete' && final.test(kind)
    const mayAct = step !== 'sos' && fault !== undefined && 'instead' in fault && !isTrue
    // At a hundred times the speed, 280 ms are the 28 s after which a lost create was observed to take effect.
    const act = mayAct && random() < 0.5 ? ` act=${draw([0, 20, 280, 1000])}ms` : ''
    const lasts = kind === 'lagging' ? ' for=200ms' : ''
    const times = random() < 0.85 ? ` x${1 + Math.floor(random() * 4)}` : ''
    return `${step}:${kind}${act}${lasts}${times} after=${draw([0, 0, 0, 1, 2, 3])}`
  })
  return faults.join(', ')
}

/** Cases in CI. */
const usualCounts: Readonly<Record<string, number>> = { equinixmetal: 10, latitude: 6, oci: 5 }

const rows = faultClouds
  .filter(({ name }) => chosen === undefined || name === chosen)
  .map((cloud) => {
    const count = Number(requested ?? usualCounts[cloud.name])
    return { cloud, title: cloud.title, count, kills: Math.max(2, Math.round(count / 5)) }
  })

const total = rows.reduce((sum, { count }) => sum + count, 0)

let image: Awaited<ReturnType<typeof publishForAll>>
beforeAll(async () => {
  image = await publishForAll()
})
afterAll(() => image[Symbol.asyncDispose]())

/** All clouds play at once: most of the time is waiting. */
const width = 10
const cases = rows.flatMap(({ cloud, count }) =>
  Array.from({ length: count }, (_, index) => {
    const seed = firstSeed + index
    return { cloud, seed, faults: drawFaults(cloud, createRandom(seed)) }
  }),
)
// Those that take longest begin first.
const results = new Map<(typeof cases)[number], ReturnType<typeof playCase>>()
async function resultOf(one: (typeof cases)[number]): Promise<Awaited<ReturnType<typeof playCase>> | undefined> {
  return await results.get(one)
}
beforeAll(() => {
  const ordered = cases.toReversed()
  const playing = runPooled(
    ordered.map(({ cloud, faults }) => async () => {
      const run = [
        'run',
        cloud.name,
        '-base-url',
        image.baseUrl,
        ...cloud.flags,
        '-timeout',
        '5m',
        '-wait-for',
        'is up',
      ]
      return await playCase(faults, image, () => [...run, image.prefix], {
        queuedMs: 300,
        allPlayed: false,
        open: cloud.open,
      })
    }),
    width,
  )
  for (const [index, one] of ordered.entries()) {
    const result = playing[index]
    if (result === undefined) continue
    result.catch(() => {})
    results.set(one, result)
  }
})

describe.each(rows)('random faults of $title', { timeout: 120_000 + total * 20_000 }, ({ cloud, count }) => {
  let losses = 0
  const own = cases.filter((one) => one.cloud === cloud)
  afterAll(async () => {
    const ended = await Promise.allSettled(own.map(resultOf))
    const played = ended.flatMap((result) => (result.status === 'fulfilled' ? (result.value?.played ?? []) : []))
    const times = played.reduce((sum, fault) => sum + fault.played, 0)
    process.stderr.write(
      `soak of ${cloud.title}: seeds ${firstSeed} to ${firstSeed + count - 1}, ${count} cases, ${played.filter((fault) => fault.played > 0).length} of ${played.length} faults played ${times} times, ${losses} losses\n`,
    )
  })

  test.each(own.map((one) => [one.seed, one.faults, one] as const))('%d: %s', async (_seed, _faults, one) => {
    losses++
    const result = await resultOf(one)
    expect(result?.wrongs, result?.stderr).toEqual([])
    losses--
    // Every run arrives at its first create, unless another fault has ended it before.
    const isCertain = /create:[^,]* after=0/.test(one.faults)
    expect(!isCertain || result?.played.some((fault) => fault.played > 0), 'no fault was played').toBe(true)
    expect([0, 3, 4, 6, 7, 8, 9], result?.stderr).toContain(result?.code)
  })

  test('every step that had many faults has played some', async () => {
    const played = (await Promise.all(own.map(resultOf))).flatMap((result) => result?.played ?? [])
    const isOf = (step: string) => played.filter(({ fault }) => fault.startsWith(`${step}:`))
    const many = [...new Set(cloud.steps)].filter((step) => isOf(step).length >= 30)
    expect(many.filter((step) => isOf(step).every((fault) => fault.played === 0))).toEqual([])
  })
})

describe.each(rows)('kill -9 on $title', { ...needs('ps'), timeout: 120_000 + total * 10_000 }, (row) => {
  const { cloud, kills } = row
  let lost = 0
  const seeds = Array.from({ length: kills }, (_, index) => firstSeed + index)
  afterAll(() => {
    process.stderr.write(`kill -9 on ${cloud.title}: ${kills} cases, ${lost} left after rm\n`)
  })

  test.concurrent.for(seeds)('at a random moment (%d), and rm --older-than 0s leaves nothing', async (seed) => {
    const random = createRandom(seed)
    await using lab = await cloud.open({ queuedMs: 200, stepMs: 150 })
    lab.faults.set(parseFaults(random() < 0.5 ? 'create:slow-headers x1 for=300ms' : '', cloud.faults))
    using child = startChild(lab, ['-vv', 'run', cloud.name, '-base-url', image.baseUrl, ...cloud.flags, image.prefix])
    // The start takes about half a second, and the machine one more second to come up.
    await sleep(300 + random() * 2000)
    if (child.pid() > 0) process.kill(child.pid(), 'SIGKILL')
    await child.code
    const { seen } = child
    // A request that was in transit when its sender died may still arrive.
    await sleep(400)
    const removal = await runFast(lab, ['rm', '--older-than', '0s', '--yes'])
    expect(removal.code, removal.stderr).toBe(0)
    const left = await remainsOf(lab)
    lost += left.length
    expect(left).toEqual([])
    expect(await judge(lab, { code: 137, stdout: seen.out, stderr: seen.err })).toEqual([])
  })
})
