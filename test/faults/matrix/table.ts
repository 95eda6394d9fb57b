// The fault matrix of the Metal API: each step of a run with each kind of fault, once and always, and how the run has to end.
import { apiFaults } from '../../../src/lab/faults/fault-kinds.ts'
import { expected, familyOf } from './expected.ts'
import type { Case } from './play.ts'

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

interface TableCase extends Case {
  /** The fault; undefined for a case of several. */
  fault?: { step: (typeof steps)[number]; kind: string; always: 0 | 1 }
  /** Its step, with an effect on the client, once or always. */
  kindOfCase: string
  /** If an API requests a longer delay than anybody would wait, the run does not retry. */
  hopeless?: boolean
}

/** The faults of a case: a list is requested if the answer to a create was lost. */
export function faultsOf(step: string, kind: string, always: 0 | 1): string {
  return `${step === 'list' ? 'create:drop-after x1, ' : ''}${step}:${kind}${always === 1 ? '' : ' x1'}`
}

/** How long a machine stays queued. A run waits five minutes for the answer to a create, and less for a lookup. */
function queuedMsOf(step: (typeof steps)[number], kind: string): number {
  if (step === 'create' && kind.startsWith('slow-headers')) return 6000
  return /slow|429|50/.test(kind) && (step === 'create' || step === 'list') ? 2000 : 250
}

/**
 * Whether an ending depends on what comes first: the end of the run or of the hope for a create without a clear answer, its last lookup
 * or a late machine.
 */
function isRace(step: (typeof steps)[number], kind: string, always: number): boolean {
  if (step !== 'create') return false
  const family = familyOf(kind)
  return always === 0 ? family === 'broken' || family === 'unsent' : family === 'late'
}

/** Update and action need an existing machine. */
const single = steps.flatMap((step) =>
  kinds
    .filter((kind) => (step === 'create' || !kind.includes('act=')) && (step === 'list' || familyOf(kind) !== 'list'))
    .flatMap((kind) =>
      ([0, 1] as const).map((always) => {
        const family = familyOf(kind)
        const code = expected[step][family]?.[always] ?? 0
        const hopeless = kind.endsWith('=900') && ['create', 'get', 'update', 'action'].includes(step)
        const endless = step === 'get' && always === 1 ? 9 : 4
        return {
          fault: { step, kind, always },
          kindOfCase: `${step} ${family} ${always}`,
          text: faultsOf(step, kind, always),
          hopeless,
          codes: [hopeless ? endless : code],
          existing: step === 'update' || step === 'action',
          isStepped: !hopeless && isRace(step, kind, always),
          // If the create is slow, the machine boots meanwhile, and its output before the console attaches is lost.
          queuedMs: queuedMsOf(step, kind),
        }
      }),
    ),
)

/** The cases. A create that is carried out twice does not account for one before it, which is late, or has no machine at all. */
export const table: readonly TableCase[] = [
  ...single,
  {
    kindOfCase: 'late and twice',
    text: 'create:500 act=1700ms x1, create:twice x1 after=1',
    codes: [0],
    queuedMs: 250,
  },
  {
    kindOfCase: 'none and twice',
    text: 'create:500 x1, create:twice x1 after=1',
    codes: [9],
    isStepped: true,
    queuedMs: 250,
  },
]

/** The first case of each kind: a step with an effect on the client, once or always. */
export function oneOfEachKind<T extends { kindOfCase: string }>(cases: readonly T[]): T[] {
  return cases.filter(({ kindOfCase }, index) => cases.findIndex((other) => other.kindOfCase === kindOfCase) === index)
}
