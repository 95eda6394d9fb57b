import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { waitUntil } from '../../helpers/lab.ts'
import { type OciLab, startOciLab } from './oci-lab.ts'

let lab: OciLab
beforeEach(async () => {
  lab = await startOciLab()
})
afterEach(async () => await lab[Symbol.asyncDispose]())

test('an instance lives from PROVISIONING to TERMINATED, and stays listed', async () => {
  const launched = await lab.launch({ freeformTags: { metalkit: '1a2b3c4d' } })
  expect(launched.status).toBe(200)
  expect(launched.json).toMatchObject({
    id: expect.stringMatching(/^ocid1\.instance\.oc1\.sjc\.[a-z2-7]{60}$/),
    lifecycleState: 'PROVISIONING',
    displayName: 'mk-1a2b3c4d',
    freeformTags: { metalkit: '1a2b3c4d' },
    region: 'us-sanjose-1',
    shape: 'BM.Standard.E4.128',
    ipxeScript: '#!ipxe\necho hello from the script\nshell\n',
  })
  expect(launched.headers).toMatchObject({
    etag: expect.any(String),
    'opc-request-id': expect.any(String),
    'opc-work-request-id': expect.stringMatching(/^ocid1\.coreservicesworkrequest\./),
    'x-metalkit-lab': 'yes',
  })
  const { id } = launched.json
  await lab.until(id, 'RUNNING')
  const work = await lab.oci('GET', `/workRequests/${String(launched.headers['opc-work-request-id'])}`)
  expect(work.json).toMatchObject({ status: 'SUCCEEDED', percentComplete: 100, operationType: 'LaunchInstance' })

  const attachments = await lab.oci('GET', `/vnicAttachments?compartmentId=${lab.compartmentId}&instanceId=${id}`)
  expect(attachments.json).toMatchObject([{ instanceId: id, lifecycleState: 'ATTACHED' }])
  const vnic = await lab.oci('GET', `/vnics/${attachments.json[0].vnicId}`)
  expect(vnic.json).toMatchObject({ isPrimary: true, publicIp: expect.stringMatching(/^198\.51\.100\.\d+$/) })

  const gone = await lab.oci('DELETE', `/instances/${id}?preserveBootVolume=false`)
  expect([gone.status, gone.text]).toEqual([204, ''])
  expect(gone.headers['opc-work-request-id']).toBeDefined()
  const seen = (await lab.oci('GET', `/instances/${id}`)).json.lifecycleState
  expect(['TERMINATING', 'TERMINATED']).toContain(seen)
  await lab.until(id, 'TERMINATED')
  const listed = await lab.oci('GET', `/instances?compartmentId=${lab.compartmentId}&displayName=mk-1a2b3c4d`)
  expect(listed.json).toMatchObject([{ id, lifecycleState: 'TERMINATED' }])
  expect((await lab.oci('DELETE', `/instances/${id}`)).status).toBe(404)
  expect(lab.devices()).toEqual([])
})

test('power actions, and their refusals in the wrong state', async () => {
  const { id } = (await lab.launch()).json
  const act = async (action: string) => await lab.oci('POST', `/instances/${id}?action=${action}`)
  expect((await act('STOP')).json.code).toBe('IncorrectState')
  await lab.until(id, 'RUNNING')
  expect((await act('START')).status).toBe(409)
  expect((await act('STOP')).json.lifecycleState).toBe('STOPPING')
  await lab.until(id, 'STOPPED')
  expect((await act('START')).json.lifecycleState).toBe('STARTING')
  await lab.until(id, 'RUNNING')
  expect((await act('RESET')).json.lifecycleState).toBe('STOPPING')
  await lab.until(id, 'RUNNING')
  expect((await act('JUMP')).json.code).toBe('InvalidParameter')
})

test('an update changes the name and the tags, but not the script', async () => {
  const { id } = (await lab.launch()).json
  const { etag } = (await lab.oci('GET', `/instances/${id}`)).headers
  const changed = await lab.oci('PUT', `/instances/${id}`, { displayName: 'mk-2', freeformTags: { a: 'b' } })
  expect(changed.json).toMatchObject({ displayName: 'mk-2', freeformTags: { a: 'b' } })
  const script = await lab.oci('PUT', `/instances/${id}`, { ipxeScript: '#!ipxe\nexit\n' })
  expect([script.status, script.json]).toEqual([
    400,
    { code: 'InvalidParameter', message: 'ipxeScript is not a field of UpdateInstanceDetails' },
  ])
  const stale = await lab.oci('DELETE', `/instances/${id}`, undefined, { headers: { 'if-match': String(etag) } })
  expect([stale.status, stale.json.code]).toEqual([412, 'NoEtagMatch'])
})

describe('the retry token', () => {
  test('gives the same instance again, and refuses another body', async () => {
    const token = { 'opc-retry-token': 'mk-1a2b3c4d' }
    const first = await lab.launch({}, token)
    const again = await lab.launch({}, token)
    expect([again.status, again.json.id]).toEqual([200, first.json.id])
    const other = await lab.launch({ displayName: 'mk-other' }, token)
    expect([other.status, other.json.code]).toEqual([409, 'InvalidatedRetryToken'])
    expect(lab.devices()).toHaveLength(1)
    expect((await lab.launch({}, { 'opc-retry-token': 'x'.repeat(65) })).json.code).toBe('InvalidParameter')
    // Another token is another instance.
    await lab.launch({}, { 'opc-retry-token': 'mk-2' })
    expect(lab.devices()).toHaveLength(2)
  })

  test('is good for nothing once the instance is gone', async () => {
    const token = { 'opc-retry-token': 'mk-1a2b3c4d' }
    const { id } = (await lab.launch({}, token)).json
    await lab.oci('DELETE', `/instances/${id}`)
    await lab.until(id, 'TERMINATED')
    expect((await lab.launch({}, token)).json.code).toBe('InvalidatedRetryToken')
    expect(lab.devices()).toEqual([])
  })
})

test('the list: exact names, the newest first, pages', async () => {
  for (const displayName of ['mk-1', 'mk-2', 'mk-3']) await lab.launch({ displayName })
  const names = async (query: string) => {
    const answer = await lab.oci('GET', `/instances?compartmentId=${lab.compartmentId}${query}`)
    return {
      names: answer.json.map((item: { displayName: string }) => item.displayName),
      next: answer.headers['opc-next-page'],
    }
  }
  expect((await names('&displayName=mk')).names).toEqual([])
  expect((await names('&displayName=mk-2')).names).toEqual(['mk-2'])
  const first = await names('&limit=2&sortBy=DISPLAYNAME')
  expect(first.names).toEqual(['mk-1', 'mk-2'])
  expect(await names(`&limit=2&sortBy=DISPLAYNAME&page=${String(first.next)}`)).toEqual({
    names: ['mk-3'],
    next: undefined,
  })
  expect((await lab.oci('GET', `/instances?compartmentId=${lab.compartmentId}&page=2`)).json.code).toBe(
    'InvalidParameter',
  )
  const other = lab.compartmentId.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
  expect((await lab.oci('GET', `/instances?compartmentId=${other}`)).status).toBe(404)
})

describe('the stock', () => {
  test('shapes, images, network, places', async () => {
    const list = async (path: string) => (await lab.oci('GET', path)).json
    const compartmentId = `compartmentId=${lab.compartmentId}`
    const shapes = await list(`/shapes?${compartmentId}`)
    expect(shapes).toContainEqual(
      expect.objectContaining({ shape: 'BM.Standard.A1.160', isBilledForStoppedInstance: true }),
    )
    const images = await list(`/images?${compartmentId}&shape=BM.Standard.A1.160&sortBy=TIMECREATED`)
    expect(images[0].displayName).toBe('Oracle-Linux-9-aarch64-2026.10.31-0')
    const vcns = await list(`/vcns?${compartmentId}`)
    expect(await list(`/subnets?${compartmentId}&vcnId=${vcns[0].id}`)).toMatchObject([
      { prohibitPublicIpOnVnic: false },
    ])
    const tenancyId = lab.profile['tenancy']
    expect(await list(`/compartments?compartmentId=${tenancyId}`)).toMatchObject([{ id: lab.compartmentId }])
    expect(await list(`/availabilityDomains?compartmentId=${tenancyId}`)).toHaveLength(1)
  })

  test('a capacity report is about the root compartment', async () => {
    const report = async (compartmentId: string | undefined) =>
      await lab.oci('POST', '/computeCapacityReports', {
        compartmentId,
        availabilityDomain: lab.environment['METAL_OCI_AVAILABILITY_DOMAIN'],
        shapeAvailabilities: [{ instanceShape: 'BM.Standard.E4.128' }, { instanceShape: 'BM.None' }],
      })
    expect((await report(lab.compartmentId)).status).toBe(404)
    const answer = await report(lab.profile['tenancy'])
    expect(answer.json.shapeAvailabilities).toMatchObject([
      { instanceShape: 'BM.Standard.E4.128', availabilityStatus: 'AVAILABLE' },
      { instanceShape: 'BM.None', availabilityStatus: 'HARDWARE_NOT_SUPPORTED', availableCount: 0 },
    ])
  })
})

describe('without room', () => {
  let small: OciLab
  beforeAll(async () => {
    small = await startOciLab({ capacity: { memoryMib: 2048, cpus: 2 } })
  })
  afterAll(async () => await small[Symbol.asyncDispose]())

  test('a launch is out of host capacity, and the report says so', async () => {
    expect((await small.launch()).status).toBe(200)
    const full = await small.launch({ displayName: 'mk-2' })
    expect([full.status, full.json]).toEqual([500, { code: 'InternalError', message: 'Out of host capacity.' }])
    const report = await small.oci('POST', '/computeCapacityReports', {
      compartmentId: small.profile['tenancy'],
      availabilityDomain: small.environment['METAL_OCI_AVAILABILITY_DOMAIN'],
      shapeAvailabilities: [{ instanceShape: 'BM.Standard.E4.128' }],
    })
    expect(report.json.shapeAvailabilities[0].availabilityStatus).toBe('OUT_OF_HOST_CAPACITY')
  })
})

test('a named lab knows its instances and their retry tokens after a restart', async () => {
  const cloudFile = `${lab.stateFolder}/cloud.json`
  const token = { 'opc-retry-token': 'mk-1a2b3c4d' }
  let id: string
  {
    await using before = await startOciLab({ cloudFile, stateFolder: lab.stateFolder })
    id = (await before.launch({ freeformTags: { metalkit: 'x' } }, token)).json.id
    await before.until(id, 'RUNNING')
  }
  await using after = await startOciLab({ cloudFile, stateFolder: lab.stateFolder })
  const { json } = await waitUntil(
    () => after.oci('GET', `/instances/${id}`),
    (answer) => answer.json.lifecycleState === 'STOPPED',
  )
  expect(json).toMatchObject({ displayName: 'mk-1a2b3c4d', freeformTags: { metalkit: 'x' } })
  expect((await after.launch({ freeformTags: { metalkit: 'x' } }, token)).json.id).toBe(id)
})
