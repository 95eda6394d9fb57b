// How a run has to end: for each step, and each effect that a fault has on a client.
import { listFaults } from '../../../src/lab/faults/list-faults.ts'

/** The effect of a kind of fault on a client. */
export type Family =
  | 'unauthorized'
  | 'gone'
  | 'refused'
  | 'final'
  | 'busy'
  | 'broken'
  | 'unsent'
  | 'lost'
  | 'half'
  | 'late'
  | 'done'
  | 'twice'
  | 'list'

/** The family of a kind of fault. */
export function familyOf(kind: string): Family {
  if (kind === '401') return 'unauthorized'
  if (/^40[34]/.test(kind)) return 'gone'
  if (listFaults.some((name) => kind.startsWith(name))) return 'list'
  if (kind === 'twice') return 'twice'
  if (kind.includes('act=0ms')) return 'done'
  if (kind.includes('act=')) return 'late'
  if (kind.startsWith('422')) return 'refused'
  if (kind.startsWith('429')) return 'busy'
  if (kind.startsWith('50')) return 'broken'
  if (kind === 'drop-before') return 'unsent'
  return kind === 'truncated' ? 'half' : 'lost'
}

/** Calls of a run. Each API has some of them. */
export type Step =
  | 'create'
  | 'get'
  | 'events'
  | 'delete'
  | 'list'
  | 'update'
  | 'action'
  | 'reinstall'
  | 'console'
  | 'projects'
  | 'plans'
  | 'keys'

/**
 * The exit code of a run in which a step fails once, and always: 0 if the run recovers, 3 and 4 if the API's refusal ends
 * it, 6 if the machine seems to be gone, 8 if its console never opens, 9 if the run cannot verify that the machine is gone, or that a create without a
 * clear answer made none.
 */
export const expected: Record<Step, Partial<Record<Family, readonly [once: number, always: number]>>> = {
  create: {
    unauthorized: [3, 3],
    gone: [4, 4],
    refused: [4, 4],
    busy: [0, 4],
    broken: [9, 9],
    unsent: [9, 9],
    lost: [0, 0],
    half: [0, 0],
    late: [0, 4],
    done: [0, 0],
  },
  get: {
    unauthorized: [3, 9],
    gone: [0, 6],
    refused: [4, 9],
    busy: [0, 9],
    broken: [0, 9],
    unsent: [0, 9],
    lost: [0, 9],
    half: [0, 4],
  },
  events: {
    unauthorized: [3, 3],
    gone: [0, 0],
    refused: [0, 0],
    busy: [0, 0],
    broken: [0, 0],
    unsent: [0, 0],
    lost: [0, 0],
    half: [0, 0],
  },
  delete: {
    unauthorized: [0, 9],
    gone: [0, 9],
    refused: [0, 9],
    final: [9, 9],
    busy: [0, 9],
    broken: [0, 9],
    unsent: [0, 9],
    lost: [0, 0],
    half: [0, 0],
  },
  list: {
    unauthorized: [0, 9],
    gone: [0, 9],
    refused: [0, 9],
    busy: [0, 9],
    broken: [0, 9],
    unsent: [0, 9],
    lost: [0, 9],
    half: [0, 9],
  },
  update: {
    unauthorized: [3, 3],
    gone: [4, 4],
    refused: [4, 4],
    busy: [0, 4],
    broken: [0, 4],
    unsent: [0, 4],
    lost: [0, 4],
    half: [0, 4],
  },
  action: {
    unauthorized: [3, 3],
    gone: [4, 4],
    refused: [4, 4],
    busy: [0, 4],
    broken: [4, 4],
    unsent: [4, 4],
    lost: [4, 4],
    half: [0, 0],
  },
  reinstall: {
    unauthorized: [3, 3],
    gone: [4, 4],
    refused: [4, 4],
    busy: [0, 4],
    broken: [4, 4],
    unsent: [4, 4],
    lost: [0, 0],
  },
  console: {
    unauthorized: [3, 3],
    gone: [0, 8],
    refused: [4, 4],
    busy: [0, 8],
    broken: [0, 8],
    unsent: [0, 8],
    lost: [0, 8],
  },
  projects: {
    unauthorized: [3, 3],
    gone: [4, 4],
    refused: [4, 4],
    busy: [0, 4],
    broken: [0, 4],
    unsent: [0, 4],
    lost: [0, 4],
  },
  // Without the list of plans, the API checks the order alone.
  plans: {
    unauthorized: [3, 3],
    gone: [0, 0],
    refused: [0, 0],
    busy: [0, 0],
    broken: [0, 0],
    unsent: [0, 0],
    lost: [0, 0],
  },
  keys: {
    unauthorized: [3, 3],
    gone: [4, 4],
    refused: [4, 4],
    busy: [0, 4],
    broken: [0, 4],
    unsent: [0, 4],
    lost: [0, 4],
  },
}
