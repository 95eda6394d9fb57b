import { describe, expect, test } from 'vitest'
import {
  ApiError,
  AuthenticationError,
  describeError,
  errorFields,
  exitCodeOf,
  flattenErrors,
  ImageError,
  InterruptedError,
  MachineLeftError,
} from '../src/errors.ts'

const api = new ApiError('refused', { status: 422 })
const image = new ImageError('"x-kernel" does not exist', { hint: 'run linuxkit build first' })
const left = new MachineLeftError('the machine d-1 STILL RUNS')

/** A resource whose disposal fails. */
function stuck(error: Error): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      throw error
    },
  }
}

/** A block that fails, followed by the disposal of both of its resources. */
async function fail(): Promise<void> {
  await using _second = stuck(left)
  await using _first = stuck(image)
  throw api
}

describe('with several errors, the first cause comes first', () => {
  test('in parallel and nested', () => {
    expect(flattenErrors(new AggregateError([image, new AggregateError([api, left])]))).toEqual([image, api, left])
    expect(flattenErrors('text')).toEqual(['text'])
  })

  test('if cleanup fails as well', async () => {
    const thrown: unknown = await fail().catch((error: unknown) => error)
    expect(flattenErrors(thrown)).toEqual([api, image, left])
  })
})

describe('the exit code', () => {
  test.each<[string, unknown, number]>([
    ['of an error is its own', new AuthenticationError('no'), 3],
    ['of several errors is that of the first', new AggregateError([api, image]), 4],
    ['of a remaining machine overrides all others', new AggregateError([api, left]), 9],
    ['of a signal is the shell’s', new InterruptedError('SIGTERM'), 143],
    ['of a reader that exited is 141', new InterruptedError('SIGPIPE'), 141],
    ['of a defect is 1', new TypeError('x is undefined'), 1],
    ['of a thrown value that is not an Error is 1', 'text', 1],
  ])('%s', (_, error, code) => {
    expect(exitCodeOf(error)).toBe(code)
  })
})

test.each<[unknown, string, object]>([
  [
    image,
    'image: "x-kernel" does not exist; run linuxkit build first',
    { layer: 'image', message: '"x-kernel" does not exist', hint: 'run linuxkit build first', exit_code: 5 },
  ],
  [api, 'api: refused', { layer: 'api', message: 'refused', exit_code: 4 }],
  [
    new TypeError('x is undefined'),
    'internal error: x is undefined',
    { layer: 'internal', message: 'x is undefined', exit_code: 1 },
  ],
  ['text', 'internal error: text', { layer: 'internal', message: 'text', exit_code: 1 }],
])('%s is %j to people, and fields to scripts', (error, line, fields) => {
  expect(describeError(error)).toBe(line)
  expect(errorFields(error)).toEqual(fields)
})
