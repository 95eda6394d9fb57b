// The fault matrix of `run oci`: the table of the Metal API in the words of Oracle Cloud, and what only Oracle Cloud has.
// `METALKIT_MATRIX=all` plays all its cases.
import { expect, test } from 'vitest'
import { ociCloud } from '../clouds.ts'
import { expected, type Family, familyOf } from './expected.ts'
import { type Case, playTable } from './play.ts'
import { faultsOf, oneOfEachKind, table } from './table.ts'

type Codes = readonly [once: number, always: number]
type Row = Case & { kindOfCase: string }

/** Why a case of the table cannot be played. */
class Missing {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}

/** Steps of the table that a run on Oracle Cloud does not have. */
const missingSteps: Partial<Record<string, Missing>> = {
  events: new Missing('an instance has no events; a launch that fails has a work request: create:fails'),
  update: new Missing('the ipxeScript of an instance cannot be changed, so no run sends an update'),
}

const forbidden = new Missing('what is forbidden is answered with 404')
const facility = new Missing('there are no facilities')
const meta = new Missing('a list has a header for its next page, and neither meta nor totals')

/** Kinds of the table for which Oracle Cloud has words of its own, or none. */
const ownWords: Partial<Record<string, string | Missing>> = {
  '403': forbidden,
  '403-token': forbidden,
  '422-facility': facility,
  '422-facility-blank': facility,
  '422-facility-gone': facility,
  '422-plan': '400-parameter',
  '422-ipxe': new Missing('it is 400-parameter too'),
  '422-provisioning': '409',
  '422-locked': new Missing('instances cannot be locked'),
  '422-capacity': '500-capacity',
  '422-server': '400-limit',
  'no-meta': meta,
  'total-only': meta,
  'last-page-wrong': 'no-next',
}

/** Kinds that are answers to a launch alone. */
const ofLaunch = new Set(['500-capacity', '400-limit'])

/** The effect of a kind on a client, where this API differs. */
function effectOf(kind: string): Family {
  if (/^(?:400|409-token|500-capacity)/.test(kind)) return 'refused'
  if (kind === '409') return 'busy'
  return kind === 'no-next' ? 'list' : familyOf(kind)
}

/** The exit codes where Oracle Cloud differs from the table. */
const differences: Partial<Record<string, Partial<Record<Family, Codes>>>> = {
  // A retry token makes it safe to repeat them.
  create: { broken: [0, 9], unsent: [0, 9] },
  action: { broken: [0, 4], unsent: [0, 4], lost: [0, 4], half: [0, 4] },
  // A deleted instance is still shown, so only an answer can say that it is gone.
  get: { half: [0, 9] },
}

/** A case of the table on Oracle Cloud. */
function translate({ fault, ...row }: (typeof table)[number]): Row | Missing {
  if (fault === undefined) return { ...row, codes: [0] }
  const { step, kind, always } = fault
  const own = missingSteps[step] ?? ownWords[kind] ?? kind
  if (own instanceof Missing) return own
  if (step !== 'create' && ofLaunch.has(own)) return new Missing('only a launch is answered so')
  const effect = effectOf(own)
  const code = (differences[step]?.[effect] ?? expected[step][effect])?.[always]
  return {
    ...row,
    kindOfCase: `${step} ${effect} ${always}`,
    text: faultsOf(step, own, always),
    codes: code === undefined || row.hopeless ? row.codes : [code],
  }
}

const translated = table.map(translate)
const shared = translated.flatMap((row) => (row instanceof Missing ? [] : [row]))

/** Kinds that mean the same at every step of a console. */
const everywhere = ['401', '404', '409', '429', '500', '502-html', 'drop-before', 'drop-after', 'cut-body', 'truncated']

/** Kinds for steps that a run can do without. */
const harmless = ['401', '500', 'truncated']

const endless: Codes = [0, 8]
const refused: Codes = [0, 4]

/** Steps of a console, and the report of capacity; each kind once and always. The machine is kept, its console connection is not. */
const steps: Record<string, { kinds: readonly string[]; codes: (kind: string) => Codes }> = {
  console: {
    kinds: [...everywhere, '400-limit', '204', 'slow-headers', 'twice', 'fails', 'stuck'],
    codes(kind) {
      if (kind === '401') return [3, 3]
      if (kind === 'twice') return [0, 0]
      if (kind === 'fails') return [7, 7]
      if (kind === 'stuck') return [8, 8]
      // A new machine has no console yet.
      return kind === '404' || kind === '409' ? endless : refused
    },
  },
  'console-get': { kinds: everywhere, codes: (kind) => (kind === '401' ? [3, 3] : refused) },
  // The connection that is left is named, and goes with its machine.
  'console-delete': { kinds: everywhere, codes: () => [0, 0] },
  history: { kinds: harmless, codes: () => [0, 0] },
  capacity: { kinds: harmless, codes: (kind) => (kind === '401' ? [3, 3] : [0, 0]) },
  tunnel: { kinds: ['refused', 'busy'], codes: () => endless },
  sos: {
    kinds: ['drop-before', 'silent', 'wrong-key', 'auth-refused', 'drop-session'],
    codes: (kind) => (kind === 'wrong-key' ? [7, 7] : kind === 'auth-refused' ? [0, 7] : endless),
  },
}

const own = Object.entries(steps).flatMap(([step, { kinds, codes }]) =>
  kinds.flatMap((kind) =>
    ([0, 1] as const).map((always): Row => {
      const code = codes(kind)[always]
      return {
        kindOfCase: `${step} ${effectOf(kind)} ${always} ${code}`,
        text: faultsOf(step, kind, always),
        codes: [code],
        isKept: step !== 'capacity',
        // A refusal is final once the machine is up, which on a busy computer would take longer than --timeout on a fast clock.
        isStepped: step.startsWith('console') && code === 4,
      }
    }),
  ),
)

/** Faults that follow each other: a lag hides the machine, and what a lost create has made may be what used up the limit. */
const sequences = [
  { text: 'create:204', code: 9 },
  { text: 'create:409-token', code: 9 },
  { text: 'create:400-quota', code: 4 },
  { text: 'create:fails x1', code: 6 },
  { text: 'create:drop-after x1, create:400-limit after=1 x1, list:lagging for=200ms', code: 0 },
  { text: 'create:drop-after x1, create:500-capacity after=1, list:lagging for=1000ms', code: 4 },
  { text: 'list:lagging for=200ms, create:drop-after x6', code: 0 },
].map(({ text, code }): Row => ({ text, codes: [code], kindOfCase: text }))

const cases = [...shared, ...own, ...sequences]
const all = process.env['METALKIT_MATRIX'] === 'all'
playTable('Oracle Cloud', all ? cases : oneOfEachKind(cases), ociCloud, 8)

test('the table is played except for what Oracle Cloud does not have', () => {
  const counts: Record<string, number> = {}
  for (const row of translated) if (row instanceof Missing) counts[row.why] = (counts[row.why] ?? 0) + 1
  expect(counts).toEqual({
    [forbidden.why]: 20,
    [facility.why]: 30,
    [meta.why]: 4,
    'it is 400-parameter too': 10,
    'instances cannot be locked': 10,
    'only a launch is answered so': 16,
    'an instance has no events; a launch that fails has a work request: create:fails': 56,
    'the ipxeScript of an instance cannot be changed, so no run sends an update': 56,
  })
})
