// What the SDK's structs call mandatory, as a table, and what a launch may not be.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mandatoryQuery, structs } from '../../../src/lab/oci/wire/contract.ts'
import { type OciLab, startOciLab } from './oci-lab.ts'

let lab: OciLab
let instanceId: string
beforeAll(async () => {
  lab = await startOciLab()
  instanceId = (await lab.launch()).json.id
})
afterAll(async () => await lab[Symbol.asyncDispose]())

const mandatory = Object.entries(structs).flatMap(([struct, fields]) =>
  Object.entries(fields).flatMap(([field, type]) => (type.endsWith('!') ? [[struct, field] as const] : [])),
)

/** How a body with a struct is sent. */
const bodies: Readonly<
  Record<string, (fields: Record<string, unknown>) => [method: string, path: string, body: object]>
> = {
  LaunchInstanceDetails: (fields) => ['POST', '/instances', fields],
  InstanceSourceDetails: (sourceDetails) => ['POST', '/instances', lab.launchBody({ sourceDetails })],
  InstancePowerActionDetails: (fields) => ['POST', '/instances/ID?action=RESET', fields],
  CreateInstanceConsoleConnectionDetails: (fields) => ['POST', '/instanceConsoleConnections', fields],
  CaptureConsoleHistoryDetails: (fields) => ['POST', '/instanceConsoleHistories', fields],
  CreateComputeCapacityReportDetails: (fields) => ['POST', '/computeCapacityReports', fields],
  CreateCapacityReportShapeAvailabilityDetails: (fields) => [
    'POST',
    '/computeCapacityReports',
    { compartmentId: 'c', availabilityDomain: 'a', shapeAvailabilities: [fields] },
  ],
}

const samples: Readonly<Record<string, unknown>> = {
  shapeAvailabilities: [{ instanceShape: 'a' }],
  sourceType: 'image',
}

test('what the SDK calls mandatory is a table of this many rows', () => {
  expect(mandatory.map(([struct, field]) => `${struct}.${field}`)).toEqual([
    'LaunchInstanceDetails.availabilityDomain',
    'LaunchInstanceDetails.compartmentId',
    'InstanceSourceDetails.sourceType',
    'InstancePowerActionDetails.actionType',
    'CreateInstanceConsoleConnectionDetails.instanceId',
    'CreateInstanceConsoleConnectionDetails.publicKey',
    'CaptureConsoleHistoryDetails.instanceId',
    'CreateComputeCapacityReportDetails.compartmentId',
    'CreateComputeCapacityReportDetails.availabilityDomain',
    'CreateComputeCapacityReportDetails.shapeAvailabilities',
    'CreateCapacityReportShapeAvailabilityDetails.instanceShape',
  ])
})

test.each(mandatory)('%s without %s is refused', async (struct, field) => {
  const fields = Object.fromEntries(
    mandatory.flatMap(([other, name]) => (other === struct && name !== field ? [[name, samples[name] ?? 'x']] : [])),
  )
  const [method, path, body] = bodies[struct]?.(fields) ?? []
  const answer = await lab.oci(method ?? '', (path ?? '').replace('ID', instanceId), body)
  expect([answer.status, answer.json.code]).toEqual([400, 'MissingParameter'])
  expect(answer.json.message).toContain(`${field} is required (${struct})`)
  const nulled = await lab.oci(
    method ?? '',
    (path ?? '').replace('ID', instanceId),
    bodies[struct]?.({ ...fields, [field]: null })[2],
  )
  expect(nulled.json.code).toBe('MissingParameter')
})

const queryPaths: Readonly<Record<string, [method: string, path: string]>> = {
  ListInstancesRequest: ['GET', '/instances'],
  InstanceActionRequest: ['POST', '/instances/ID'],
  ListVnicAttachmentsRequest: ['GET', '/vnicAttachments'],
  ListShapesRequest: ['GET', '/shapes'],
  ListImagesRequest: ['GET', '/images'],
  ListSubnetsRequest: ['GET', '/subnets'],
  ListVcnsRequest: ['GET', '/vcns'],
  ListInstanceConsoleConnectionsRequest: ['GET', '/instanceConsoleConnections'],
  ListConsoleHistoriesRequest: ['GET', '/instanceConsoleHistories'],
  ListAvailabilityDomainsRequest: ['GET', '/availabilityDomains'],
  ListCompartmentsRequest: ['GET', '/compartments'],
  ListWorkRequestsRequest: ['GET', '/workRequests'],
}

test.each(Object.entries(mandatoryQuery))('%s without %j is refused', async (struct, parameters) => {
  const [method = '', path = ''] = queryPaths[struct] ?? []
  const answer = await lab.oci(method, path)
  expect([answer.status, answer.json]).toEqual([
    400,
    { code: 'MissingParameter', message: `${parameters[0]} is required (${struct})` },
  ])
})

test.each<[string, object, string, RegExp]>([
  [
    'a field of no struct',
    { ipxeScriptUrl: 'http://x' },
    'InvalidParameter',
    /ipxeScriptUrl is not a field of LaunchInstanceDetails/,
  ],
  ['a number for a name', { displayName: 5 }, 'InvalidParameter', /displayName must be a string/],
  ['tags of numbers', { freeformTags: { a: 1 } }, 'InvalidParameter', /freeformTags must be an object of strings/],
  ['an unknown place', { availabilityDomain: 'AD-9' }, 'InvalidParameter', /Availability domain AD-9/],
  ['no shape', { shape: undefined }, 'MissingParameter', /shape/],
  ['an unknown shape', { shape: 'BM.None' }, 'InvalidParameter', /BM\.None/],
  ['no image', { sourceDetails: undefined }, 'MissingParameter', /imageId/],
  ['an image for another processor', { shape: 'BM.Standard.A1.160' }, 'InvalidParameter', /is not valid for image/],
  ['no subnet', { createVnicDetails: {} }, 'MissingParameter', /subnetId/],
  ['an unknown subnet', { createVnicDetails: { subnetId: 'ocid1.subnet.oc1.sjc.x' } }, 'NotAuthorizedOrNotFound', /./],
  ['an unknown compartment', { compartmentId: 'ocid1.compartment.oc1..x' }, 'NotAuthorizedOrNotFound', /./],
  ['a flexible shape without its size', { shape: 'VM.Standard.E4.Flex' }, 'MissingParameter', /shapeConfig\.ocpus/],
  ['too much metadata', { metadata: { user_data: 'x'.repeat(32_001) } }, 'InvalidParameter', /32000 bytes/],
  [
    'eleven tags',
    { freeformTags: Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`k${index}`, 'x'])) },
    'InvalidParameter',
    /10/,
  ],
])('refuses a launch with %s', async (_what, change, code, message) => {
  const answer = await lab.launch(change)
  expect(answer.json).toEqual({ code, message: expect.stringMatching(message) })
  expect(lab.devices()).toHaveLength(1)
})

test('an unknown path, and a method that a path has not', async () => {
  expect((await lab.oci('GET', '/volumes?compartmentId=x')).json.code).toBe('NotAuthorizedOrNotFound')
  const wrong = await lab.oci('DELETE', '/shapes')
  expect([wrong.status, wrong.json.code]).toEqual([405, 'MethodNotAllowed'])
})
