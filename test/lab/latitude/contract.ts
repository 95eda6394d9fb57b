// The published contract of Latitude.sh (OpenAPI document of 2026-07-16, reduced by scripts/latitude-contract.mjs), made closed:
// a property that neither the specification nor its examples have is an error.
import { readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: (string | null)[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean
}

interface Operation {
  query: string[]
  body?: Schema
  answers: Record<string, { type?: string; schema?: Schema }>
}

interface Contract {
  operations: Record<string, Operation>
  schemas: Record<string, Schema>
  error: Schema
}

const file = new URL('../../fixtures/latitude/contract.json', import.meta.url)
const contract: Contract = JSON.parse(readFileSync(file, 'utf8'))
const { operations, schemas, error } = contract

/** States that recordings and clients have seen, and the document does not list. */
const seenStates = ['starting_deploy', 'reinstalling', 'deleting']

/** Properties of later versions (Go SDK 1.19.3), and those that `extra_fields` adds. */
const laterProperties = ['persistent_netboot', 'credentials']

/** Closes every object that has properties. */
function close(schema: Schema): Schema {
  const { items, properties, enum: values } = schema
  const isState = values?.includes('failed_deployment') === true
  const named = Object.entries(properties ?? {}).map(([name, part]) => [name, close(part)] as const)
  return {
    ...schema,
    ...(isState ? { enum: [...values, ...seenStates] } : {}),
    ...(items === undefined ? {} : { items: close(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: {
            ...Object.fromEntries(laterProperties.map((name) => [name, {}])),
            ...Object.fromEntries(named),
          },
          additionalProperties: false,
        }),
  }
}

const ajv = new Ajv({ strict: false, allErrors: true })
ajv.addSchema({
  $id: 'contract',
  schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, close(schema)])),
})

const compiled = new Map<Schema, ValidateFunction>()

function validate(what: string, schema: Schema, value: unknown): void {
  let check = compiled.get(schema)
  if (check === undefined) {
    const text = JSON.stringify(close(schema)).replaceAll('"#/schemas/', '"contract#/schemas/')
    const closed: object = JSON.parse(text)
    check = ajv.compile(closed)
    compiled.set(schema, check)
  }
  if (!check(value)) throw new Error(`${what} is not as specified: ${ajv.errorsText(check.errors)}`)
}

/** The operation of a request. */
export function operationOf(method: string, path: string): string | undefined {
  const parts = path.split('/')
  return Object.keys(operations).find((name) => {
    const [itsMethod, itsPath = ''] = name.split(' ')
    const itsParts = itsPath.split('/')
    return (
      itsMethod === method &&
      itsParts.length === parts.length &&
      itsParts.every((part, index) => part.startsWith('{') || part === parts[index])
    )
  })
}

/** All operations of the contract. */
export const operationNames: readonly string[] = Object.keys(operations)

/** Checks a request. @throws Error that names what is not as specified */
export function checkRequest(method: string, path: string, query: URLSearchParams, body: unknown): void {
  const name = operationOf(method, path)
  const operation = operations[name ?? '']
  if (name === undefined || operation === undefined) throw new Error(`${method} ${path} is not in the contract`)
  for (const parameter of query.keys()) {
    if (!operation.query.includes(parameter)) throw new Error(`${name} has no parameter ${parameter}`)
  }
  if ((operation.body === undefined) !== (body === undefined)) throw new Error(`${name}: a body is missing or unknown`)
  if (operation.body !== undefined) validate(`the body of ${name}`, operation.body, body)
}

/** Checks an answer: its type, its status, its shape. @throws Error that names what is not as specified */
export function checkAnswer(
  method: string,
  path: string,
  { status, type, json }: { status: number; type: string | null; json: unknown },
): void {
  const name = operationOf(method, path)
  const expected = operations[name ?? '']?.answers[String(status)]
  if (status >= 400) return validate(`the refusal of ${method} ${path}`, error, json)
  if (expected === undefined) throw new Error(`${name} does not answer ${status}`)
  if (expected.type === undefined) {
    if (json !== undefined) throw new Error(`${name} answers ${status} with a body`)
    return
  }
  if (type?.split(';')[0] !== expected.type) throw new Error(`${name} answers ${type}, not ${expected.type}`)
  if (expected.schema !== undefined) validate(`the answer of ${name}`, expected.schema, json)
}
