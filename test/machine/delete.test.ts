import { describe, expect, test } from 'vitest'
import { untilAborted } from '../../src/deadline.ts'
import { ApiError, describeError, FinalRefusal, InterruptedError, MachineLeftError } from '../../src/errors.ts'
import type { Cloud, MachineRecord, Phase } from '../../src/machine/cloud.ts'
import { deleteUntilGone } from '../../src/machine/delete.ts'
import { recordOf } from '../../src/metal/record.ts'
import { createTestCloud } from '../helpers/api-fake.ts'
import { createFastClock } from '../helpers/clock.ts'
import { createRecorder } from '../helpers/recorder.ts'

const machineOf = (phase: Phase): MachineRecord => ({ ...recordOf({ id: 'm-1', state: phase }), phase })
const never = new AbortController().signal

/** A cloud whose machine passes through these phases, one each look; the last one repeats. */
async function cloudOf(phases: Phase[], own: Partial<Cloud>) {
  const { cloud, waits } = await createTestCloud('http://127.0.0.1:9')
  let deletes = 0
  const other: Cloud = Object.assign(cloud, {
    isDeletionWatched: false,
    get: async () => machineOf((phases.length > 1 ? phases.shift() : phases[0]) ?? 'gone'),
    findListed: async () => undefined,
    async delete() {
      deletes++
    },
    ...own,
  })
  const deleting = deleteUntilGone(other, { id: 'm-1', projectId: undefined }, createRecorder(), never)
  const outcome = await deleting.then(
    () => 'deleted',
    (error: unknown) => error,
  )
  return { outcome, deletes, waitedMs: waits.reduce((sum, ms) => sum + ms, 0) }
}

/** A machine that a rack switches off. */
const held = (trouble?: string): MachineRecord => ({ ...machineOf('going'), release: { machine: 'r1', trouble } })
/** Deletes a machine that is seen in these states. */
async function deleteSeen(records: MachineRecord[]) {
  const report = createRecorder()
  const { cloud, waits } = await createTestCloud('http://127.0.0.1:9', report, createFastClock(100))
  Object.assign(cloud, { get: async () => records.shift() ?? machineOf('gone'), findListed: async () => undefined })
  Object.assign(cloud, { delete: async () => {} })
  await deleteUntilGone(cloud, { id: 'm-1', projectId: undefined }, report, never)
  return { text: report.lines.join('\n'), waitedMs: waits.reduce((sum, ms) => sum + ms, 0) }
}

describe('a deletion', () => {
  test('that can never succeed ends at once, with its reason and the machine', async () => {
    const reason = new FinalRefusal('reserved servers cannot be deleted', { layer: 'sky' })
    const refuse = async () => await Promise.reject<void>(reason)
    const { outcome, waitedMs } = await cloudOf(['on'], { delete: refuse })
    expect(outcome).toBeInstanceOf(MachineLeftError)
    expect(describeError(outcome)).toBe(
      'machine: the machine m-1 STILL RUNS AND COSTS MONEY: reserved servers cannot be deleted; delete it with: metalkit rm m-1',
    )
    expect(waitedMs).toBe(0)
  })

  test('is watched, where that is said, until the machine is gone', async () => {
    const going: Phase[] = Array.from({ length: 40 }, () => 'going')
    const watched = await cloudOf([...going, 'gone'], { isDeletionWatched: true })
    expect(watched).toMatchObject({ outcome: 'deleted', deletes: 1 })
    expect(watched.waitedMs).toBeGreaterThan(120_000)
    const unwatched = await cloudOf([...going, 'gone'], {})
    expect(unwatched).toMatchObject({ outcome: 'deleted', deletes: 1 })
    expect(unwatched.waitedMs).toBeLessThan(10_000)
  })

  test("ends once a rack's machine is off, or has a reason why it is not", async () => {
    const slow = await deleteSeen(Array.from({ length: 6 }, () => held()))
    expect(slow.text).toContain('The machine m-1 is deleted.')
    const silent = await deleteSeen(Array.from({ length: 100 }, (_, at) => held(at < 5 ? undefined : 'it is silent')))
    expect(silent.text).toContain('its machine "r1" is not off yet: it is silent; the rack keeps trying')
    const endless = await deleteSeen(Array.from({ length: 100 }, () => held()))
    expect(endless.text).toContain('its machine "r1" is not off yet; the rack keeps trying')
    expect(endless.text).not.toContain('is deleted.')
  })

  test('that was accepted is not doubted because a second interrupt cut its repetition short', async () => {
    const forced = new AbortController()
    const report = createRecorder()
    const { cloud } = await createTestCloud('http://127.0.0.1:9', report, createFastClock(100))
    let deletes = 0
    const other: Cloud = Object.assign(cloud, {
      isDeletionWatched: true,
      get: async () => {
        if (deletes === 1) forced.abort(new InterruptedError('SIGTERM'))
        return machineOf('going')
      },
      findListed: async () => undefined,
      async delete(_: string, signal?: AbortSignal) {
        deletes++
        // As Oracle Cloud, which answers 409 until the machine is gone.
        if (deletes > 1 && signal) await untilAborted(signal)
      },
    })
    await deleteUntilGone(other, { id: 'm-1', projectId: undefined }, report, forced.signal)
    expect(deletes).toBe(2)
    expect(report.lines.join('\n')).not.toContain('cannot be deleted yet')
  })

  test('that a second interrupt cuts short is doubted if the machine was not seen to go', async () => {
    const forced = new AbortController()
    const report = createRecorder()
    const { cloud } = await createTestCloud('http://127.0.0.1:9', report, createFastClock(100))
    const other: Cloud = Object.assign(cloud, {
      get: async () => machineOf('on'),
      async delete(_: string, signal?: AbortSignal) {
        forced.abort(new InterruptedError('SIGTERM'))
        if (signal) await untilAborted(signal)
      },
    })
    const deleting = deleteUntilGone(other, { id: 'm-1', projectId: undefined }, report, forced.signal)
    await expect(deleting).rejects.toThrow(
      'the machine m-1 MAY STILL RUN AND COST MONEY: the run was interrupted twice',
    )
    expect(report.lines.join('\n')).not.toContain('cannot be deleted yet')
  })

  test('of a machine that the API does not know yet is asked for again once it does', async () => {
    for (const isDeletionWatched of [false, true]) {
      const unknown = new ApiError('no such machine', { layer: 'sky', status: 404 })
      let isKnown = false
      let looks = 0
      let deletes = 0
      const { outcome } = await cloudOf(['gone'], {
        isDeletionWatched,
        isGone: (error) => error === unknown,
        async get() {
          isKnown ||= ++looks === 4
          if (!isKnown || deletes > 0) throw unknown
          return machineOf('coming')
        },
        async delete() {
          if (!isKnown) throw unknown
          deletes++
        },
      })
      expect([outcome, deletes]).toEqual(['deleted', 1])
    }
  })

  test('that is watched but never ends leaves the machine', async () => {
    const { outcome, waitedMs } = await cloudOf(['going'], { isDeletionWatched: true })
    expect(outcome).toBeInstanceOf(MachineLeftError)
    expect(waitedMs).toBeGreaterThan(10 * 60_000)
  })
})
