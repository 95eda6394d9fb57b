// The fault matrix of `run` over a lab with Latitude.sh's face: each step with each kind of fault, once and always.
import { latitudeCloud } from '../clouds.ts'
import { expected, type Family, familyOf, type Step } from './expected.ts'
import { playTable } from './play.ts'
import { faultsOf } from './table.ts'

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
  return familyOf(kind)
}

const cases = steps.flatMap((step) =>
  [...everywhere, ...(special[step] ?? []), ...(step === 'create' ? acts : [])].flatMap((kind) =>
    ([0, 1] as const).map((always) => ({
      existing: step === 'reinstall',
      text: faultsOf(step, kind, always),
      codes: [expected[step][effectOf(step, kind)]?.[always] ?? 0],
      // Whether the machine of an endless 429 is listed before the last attempt depends on the computer.
      isStepped: kind === '429 act=200ms' && always === 1,
    })),
  ),
)

playTable('Latitude.sh', cases, latitudeCloud)
