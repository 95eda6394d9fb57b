// The input of a request: the JSON of its body and the parameters of its query, since the service accepts both.
import { type LabAnswer, refuse } from '../../web/answer.ts'
import { type ApiRequest, parseJson } from '../../web/request.ts'

/** Fields that are lists: a single value in a query becomes a list of one. */
const lists = new Set(['tags', 'user_ssh_keys', 'project_ssh_keys', 'instances_ids', 'hostnames'])

/** The fields of a query. `name[]` and repeated names become lists. */
export function readParameters(query: URLSearchParams): Record<string, unknown> {
  const names = [...new Set(query.keys())]
  return Object.fromEntries(
    names.map((name) => {
      const values = query.getAll(name)
      const field = name.replace(/\[\]$/, '')
      const isList = values.length > 1 || field !== name || lists.has(field)
      return [field, isList ? values : values[0]]
    }),
  )
}

/** Calls `answer` with the input of a request; a field of the body overrides a parameter. 400 if the body is not JSON. */
export function withInput(
  { body, query }: Pick<ApiRequest, 'body' | 'query'>,
  answer: (input: unknown) => LabAnswer,
): LabAnswer {
  const json = parseJson(body)
  if (json === undefined) return refuse(400, 'Bad request')
  const { value } = json
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return answer(value)
  return answer({ ...readParameters(query), ...value })
}
