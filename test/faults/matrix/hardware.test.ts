// Faults that only hardware has: BMCs that are silent, lie or do not do as told, and consoles that drop, against a run on a rack.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BmcError } from '../../../src/rack/bmc/bmc-error.ts'
import type { Act, Misbehaviour, SimulatedBoard } from '../../helpers/rack/board.ts'
import { playCase, publishImage, runPooled } from '../world.ts'
import { openRackStage } from './rack-stage.ts'

/** Where a request comes in the life of a device. */
type Phase = 'before it is used' | 'at boot' | 'at on' | 'while it is on' | 'at off' | 'after off' | 'at clearBoot'

const phases: Phase[] = [
  'before it is used',
  'at boot',
  'at on',
  'while it is on',
  'at off',
  'after off',
  'at clearBoot',
]

/** Follows the requests to one board. */
function followPhases(): (act: Act) => Phase {
  let last: Act = 'clearBoot'
  return (act) => {
    if (act !== 'status') {
      last = act
      return `at ${act}`
    }
    return last === 'clearBoot' || last === 'boot'
      ? 'before it is used'
      : last === 'on'
        ? 'while it is on'
        : 'after off'
  }
}

type Deed = (act: Act, board: SimulatedBoard) => ReturnType<Misbehaviour>

const silent: Deed = (_, { name }) => {
  throw new BmcError('unreachable', `the BMC of "${name}" does not answer`)
}

/** It does as it was asked, and its answer is lost. */
const unanswered: Deed = (act, board) => {
  if (act === 'on') void board.switchOn()
  if (act === 'off') void board.cut()
  return silent(act, board)
}

const undone: Deed = () => 'undone'
const unknown: Deed = () => 'unknown'
/** The opposite of the truth. */
const wrong: Deed = (_, { isOn }) => (isOn ? 'off' : 'on')

interface Row {
  name: string
  /** The phase of the fault, and how many requests it spoils. */
  phase: Phase
  deed: Deed
  times: number
  code: number
}

const forEver = Number.POSITIVE_INFINITY

/** The exit codes of a run whose BMC is silent for three requests, and until the run has ended. */
const silence: Record<Phase, readonly [number, number]> = {
  'before it is used': [6, 6],
  'at boot': [6, 6],
  'at on': [6, 6],
  'while it is on': [0, 6],
  'at off': [0, 0],
  'after off': [0, 0],
  'at clearBoot': [0, 0],
}

const rows: Row[] = [
  ...phases.flatMap((phase): Row[] => [
    { name: 'does not answer three times', phase, deed: silent, times: 3, code: silence[phase][0] },
    { name: 'does not answer', phase, deed: silent, times: forEver, code: silence[phase][1] },
  ]),
  { name: 'does it without an answer', phase: 'at on', deed: unanswered, times: 1, code: 6 },
  { name: 'does it without an answer', phase: 'at off', deed: unanswered, times: 1, code: 0 },
  { name: 'does nothing', phase: 'at on', deed: undone, times: forEver, code: 6 },
  { name: 'does nothing twice', phase: 'at off', deed: undone, times: 2, code: 0 },
  { name: 'does nothing', phase: 'at off', deed: undone, times: forEver, code: 0 },
  { name: 'does not know the state', phase: 'before it is used', deed: unknown, times: 1, code: 6 },
  { name: 'does not know the state', phase: 'while it is on', deed: unknown, times: forEver, code: 6 },
  { name: 'does not know the state', phase: 'after off', deed: unknown, times: forEver, code: 0 },
  { name: 'tells the wrong state once', phase: 'before it is used', deed: wrong, times: 1, code: 6 },
  { name: 'tells the wrong state once', phase: 'while it is on', deed: wrong, times: 1, code: 0 },
  { name: 'tells the wrong state three times', phase: 'while it is on', deed: wrong, times: 3, code: 0 },
  { name: 'tells the wrong state three times', phase: 'after off', deed: wrong, times: 3, code: 0 },
]

/** A BMC that does a deed in a phase. */
function misbehaviourOf({ phase, deed, times }: Row): Misbehaviour {
  const phaseOf = followPhases()
  let left = times
  return (act, board) => {
    if (phaseOf(act) !== phase || left === 0) return undefined
    left--
    return deed(act, board)
  }
}

let image: Awaited<ReturnType<typeof publishImage>>
let results: ReturnType<typeof play>[] = []
const startedMs = performance.now()
let losses = 0

/** A run on boards with a fault, which is mended after the run. */
async function play(spoil: (board: SimulatedBoard) => void, timeout = '20m') {
  const run = [
    'run',
    'equinixmetal',
    '-base-url',
    image.baseUrl,
    '-timeout',
    timeout,
    '-wait-for',
    'is up',
    image.prefix,
  ]
  return await playCase('', image, () => run, {
    queuedMs: 250,
    open: async (pace) => {
      const rack = await openRackStage(pace)
      for (const board of rack.boards) spoil(board)
      return {
        ...rack,
        losses: async (own) => {
          const wrongs: string[] = []
          const states = new Map(rack.devices().map(({ id, state }) => [id, state]))
          // Until it is mended a machine that may be on is a device's, which goes on with switching it off.
          for (const { name, holder } of rack.views()) {
            const isOn = rack.boards.find((board) => board.name === name)?.isOn === true
            if (isOn && states.get(holder ?? '') !== 'deprovisioning') wrongs.push(`LOST: ${name} is on`)
          }
          for (const board of rack.boards) board.misbehave = () => undefined
          return [...wrongs, ...((await rack.losses?.(own)) ?? [])]
        },
      }
    },
  })
}

const consoles: { name: string; spoil: (board: SimulatedBoard) => void; timeout?: string; code: number }[] = [
  {
    name: 'is dropped when its machine is switched on',
    spoil: (board) => {
      const { onStart } = board
      board.onStart = () => {
        onStart()
        board.dropConsole()
      }
    },
    code: 0,
  },
  {
    name: 'never opens',
    spoil: (board) => {
      board.connect = () => Promise.reject(new BmcError('unreachable', 'no console'))
    },
    timeout: '5m',
    code: 8,
  },
]

beforeAll(async () => {
  image = await publishImage()
  const first = await play(() => {})
  expect([first.code, first.wrongs]).toEqual([0, []])
  const tasks = [
    ...rows.map((row) => () => play((board) => void (board.misbehave = misbehaviourOf(row)))),
    ...consoles.map(
      ({ spoil, timeout }) =>
        () =>
          play(spoil, timeout),
    ),
  ]
  results = runPooled(tasks, 8)
  for (const result of results) result.catch(() => {})
})
afterAll(async () => {
  await image[Symbol.asyncDispose]()
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0)
  process.stderr.write(`faults of hardware: ${results.length} cases, ${losses} losses, ${seconds} s\n`)
})

async function check(index: number, code: number): Promise<void> {
  losses++
  const result = await results[index]
  expect(result?.wrongs, result?.stderr).toEqual([])
  losses--
  expect(result?.code, result?.stderr).toBe(code)
}

test.each(rows.map(({ name, phase, code }, index) => [name, phase, code, index] as const))(
  'a BMC that %s %s ends with %d',
  async (_name, _phase, code, index) => await check(index, code),
)

test.each(consoles.map(({ name, code }, index) => [name, code, index] as const))(
  'a console that %s ends with %d',
  async (_, code, index) => await check(rows.length + index, code),
)
