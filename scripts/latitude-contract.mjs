// Reduces the OpenAPI document of Latitude.sh to what the lab's stand-in has to keep: the shapes of the requests and answers that
// it has, without texts and examples. Properties that only the examples have are added, so that every other one is unknown.
// Usage: node scripts/latitude-contract.mjs OPENAPI.yaml >test/fixtures/latitude/contract.json
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

const operations = [
  'GET /projects',
  'POST /projects',
  'GET /plans',
  'GET /plans/{plan_id}',
  'GET /regions',
  'GET /regions/{region_id}',
  'GET /ssh_keys',
  'POST /ssh_keys',
  'GET /ssh_keys/{ssh_key_id}',
  'PATCH /ssh_keys/{ssh_key_id}',
  'DELETE /ssh_keys/{ssh_key_id}',
  'GET /servers',
  'POST /servers',
  'GET /servers/{server_id}',
  'PATCH /servers/{server_id}',
  'DELETE /servers/{server_id}',
  'POST /servers/{server_id}/actions',
  'POST /servers/{server_id}/reinstall',
  'GET /servers/{server_id}/deploy_config',
  'PATCH /servers/{server_id}/deploy_config',
  'POST /servers/{server_id}/schedule_deletion',
  'DELETE /servers/{server_id}/schedule_deletion',
  'POST /servers/{server_id}/lock',
  'POST /servers/{server_id}/unlock',
  'POST /servers/{server_id}/out_of_band_connection',
  'GET /servers/{server_id}/out_of_band_connection',
]

const document = parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const used = new Map()

/** The type, the values and the properties of a schema. */
function reduce(schema) {
  if (schema === undefined) return undefined
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1)
    if (!used.has(name)) {
      used.set(name, {})
      Object.assign(used.get(name), reduce(document.components.schemas[name]))
    }
    return { $ref: `#/schemas/${name}` }
  }
  const { type, nullable, items, properties, required, minimum } = schema
  // These enumerations are open, by an extension of the generator's.
  const values = schema['x-speakeasy-unknown-values'] === 'allow' ? undefined : schema.enum
  return {
    ...(type === undefined ? {} : { type: nullable ? [type, 'null'] : type }),
    ...(values === undefined ? {} : { enum: nullable ? [...values, null] : values }),
    ...(minimum === undefined ? {} : { minimum }),
    ...(items === undefined ? {} : { items: reduce(items) }),
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, reduce(part)])) }),
    ...(required === undefined ? {} : { required }),
  }
}

/** Adds the properties of an example to a schema. */
function learn(schema, example) {
  if (schema?.$ref !== undefined) return learn(used.get(schema.$ref.split('/').at(-1)), example)
  if (Array.isArray(example)) for (const item of example) learn(schema?.items, item)
  else if (typeof example === 'object' && example !== null && schema?.properties !== undefined) {
    for (const [name, value] of Object.entries(example)) {
      schema.properties[name] ??= {}
      learn(schema.properties[name], value)
    }
  }
}

const contract = {}
for (const operation of operations) {
  const [method = '', path = ''] = operation.split(' ')
  const { parameters = [], requestBody, responses } = document.paths[path][method.toLowerCase()]
  const answers = {}
  for (const [status, { content = {} }] of Object.entries(responses)) {
    const [type] = Object.keys(content)
    const { schema, examples = {} } = content[type] ?? {}
    const reduced = reduce(schema ?? undefined)
    for (const { value } of Object.values(examples)) learn(reduced, value)
    answers[status] = { ...(type === undefined ? {} : { type }), ...(reduced === undefined ? {} : { schema: reduced }) }
  }
  contract[operation] = {
    query: parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name),
    ...(requestBody === undefined ? {} : { body: reduce(requestBody.content['application/json'].schema) }),
    answers,
  }
}
console.log(
  JSON.stringify({
    operations: contract,
    schemas: Object.fromEntries(used),
    error: reduce({ $ref: '#/error_object' }),
    version: document.info.version,
  }),
)
