// Bodies of requests in the form of JSON:API.
import type { z } from 'zod/mini'

import type { LabAnswer } from '../../web/answer.ts'
import { type ApiRequest, parseJson } from '../../web/request.ts'
import { invalid, refusal, refuse } from '../model/answers.ts'

/** A reason why a body is refused, and the attribute that it is about. */
export interface Reason {
  detail: string
  field?: string
}

/** The reasons, or the checked value. */
export type Checked<T> = { reasons: Reason[] } | { value: T }

/** 422 with every reason. */
export function refuseAll(reasons: readonly Reason[]): LabAnswer {
  const errors = reasons.flatMap(({ detail, field }) => {
    const { json } = invalid(detail, field)
    return typeof json === 'object' && json !== null && 'errors' in json && Array.isArray(json.errors)
      ? (json.errors as unknown[])
      : []
  })
  return { ...invalid(''), json: { errors } }
}

/** Checks attributes; each that is invalid is a reason. */
export function checkAttributes<T>(schema: z.ZodMiniType<T>, attributes: unknown): Checked<T> {
  const parsed = schema.safeParse(attributes ?? {})
  if (parsed.success) return { value: parsed.data }
  const fields = new Set(parsed.error.issues.map(({ path }) => String(path[0] ?? '')))
  return { reasons: [...fields].map((field) => ({ detail: `${field || 'attributes'} is invalid`, field })) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What the envelope of a body has to say. */
interface Envelope {
  type: string
  /** The id in the path, if the body repeats it. */
  id?: string
}

/** 422 for a part of the envelope. */
function refusePart(part: string, detail: string): LabAnswer {
  const source = { pointer: `/data/${part}` }
  return refusal(422, { code: 'VALIDATION_ERROR', title: 'Validation Error', detail, source })
}

/** Calls `answer` with the attributes in a body's `data`. @returns 400 or 422 if the envelope is not as specified */
export function withAttributes(
  { body }: Pick<ApiRequest, 'body'>,
  { type, id }: Envelope,
  answer: (attributes: Record<string, unknown>) => LabAnswer,
): LabAnswer {
  const json = parseJson(body)?.value
  if (!isObject(json)) return refuse(400, 'The body is not a JSON object')
  const { data } = json
  if (!isObject(data)) {
    const detail = 'param is missing or the value is empty: data'
    return refusal(400, { code: null, title: 'Bad Request', detail, source: { pointer: '/data' } })
  }
  if (data['type'] !== type) return refusePart('type', `type must be "${type}"`)
  if (id !== undefined && data['id'] !== id) return refusePart('id', 'id must be that of the path')
  const { attributes = {} } = data
  return isObject(attributes) ? answer(attributes) : refusePart('attributes', 'attributes must be an object')
}
