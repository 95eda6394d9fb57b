// Each request as Oracle documents it, against a server that checks every signature.
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { ApiError, describeError, FinalRefusal, MachineError, UncertainError } from '../../src/errors.ts'
import type { Cloud, CloudContext } from '../../src/machine/cloud.ts'
import { followMachine } from '../../src/machine/follow.ts'
import { rentMachine } from '../../src/machine/machine.ts'
import { fingerprintOfKey } from '../../src/oci/config-file.ts'
import { open, type OciOptions } from '../../src/oci/oci.ts'
import { makeFolder } from '../helpers/folder.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { createIo } from './io.ts'
import { type Arrived, type Reply, startStrictServer } from './strict-server.ts'

const tenancy = 'ocid1.tenancy.oc1..aaaatenancy'
const user = 'ocid1.user.oc1..aaaauser'
const compartment = 'ocid1.compartment.oc1..aaaacompartment'
const domain = 'Uocm:US-ASHBURN-AD-1'
const subnet = 'ocid1.subnet.oc1.iad.aaaasubnet'
const image = 'ocid1.image.oc1.iad.aaaaimage'
const id = 'ocid1.instance.oc1.iad.aaaainstance'
const mark = 'mko-6a2f41a3-c54c-4e06-9b0e-0d1c9a1c2f00'
const scriptUrl = 'http://203.0.113.9:8080/linuxkit-oci.ipxe'
const ipxeScript = `#!ipxe\nchain --autofree ${scriptUrl}\n`

let pem = ''
let fingerprint = ''
let publicKey = createPublicKey(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)
beforeAll(() => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
  pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  fingerprint = fingerprintOfKey(pair.privateKey)
  publicKey = pair.publicKey
})

const instance = (more: object = {}) => ({
  id,
  availabilityDomain: domain,
  compartmentId: compartment,
  lifecycleState: 'RUNNING',
  region: 'iad',
  shape: 'BM.Standard.E4.128',
  timeCreated: '2026-11-28T20:00:00.000Z',
  displayName: 'me-linuxkit',
  freeformTags: { metalkit: mark },
  ipxeScript,
  ...more,
})
const subnetOf = (more: object = {}) => ({
  id: subnet,
  compartmentId: compartment,
  vcnId: 'ocid1.vcn.oc1.iad.aaaavcn',
  lifecycleState: 'AVAILABLE',
  displayName: 'public',
  prohibitPublicIpOnVnic: false,
  ...more,
})
const imageOf = (name: string, system: string, imageId = image) => ({
  id: imageId,
  lifecycleState: 'AVAILABLE',
  operatingSystem: system,
  operatingSystemVersion: '9',
  timeCreated: '2026-10-31T00:00:00.000Z',
  displayName: name,
})

/** Answers of an account with one of everything. */
const stock: Record<string, Reply> = {
  'GET /compartments': { json: [] },
  'GET /availabilityDomains': { json: [{ name: domain, id: 'x', compartmentId: tenancy }] },
  'GET /shapes': {
    json: [
      { shape: 'BM.Standard.E4.128', isBilledForStoppedInstance: true },
      { shape: 'VM.Standard.A1.Flex', isFlexible: true, isBilledForStoppedInstance: false },
    ],
  },
  'GET /subnets': { json: [subnetOf()] },
  [`GET /subnets/${subnet}`]: { json: subnetOf() },
  'GET /images': {
    json: [imageOf('Windows-2022', 'Windows', 'ocid1.image.oc1.iad.w'), imageOf('Oracle-Linux-9', 'Oracle Linux')],
  },
  'POST /computeCapacityReports': {
    json: {
      shapeAvailabilities: [
        { instanceShape: 'BM.Standard.E4.128', availabilityStatus: 'AVAILABLE', availableCount: 3 },
      ],
    },
  },
  'POST /instances': {
    json: instance({ lifecycleState: 'PROVISIONING' }),
    headers: { 'opc-work-request-id': 'ocid1.workrequest.x' },
  },
  [`GET /instances/${id}`]: { json: instance() },
  'GET /instances': { json: [instance()] },
  [`POST /instances/${id}`]: { json: instance() },
  [`DELETE /instances/${id}`]: { status: 204 },
  'GET /instanceConsoleConnections': { json: [] },
}

interface World extends AsyncDisposable {
  cloud: Cloud
  all: readonly Arrived[]
  faults: readonly string[]
  lines: readonly string[]
}

type Answers = Record<string, Reply | ((request: Arrived, all: readonly Arrived[]) => Reply)>

async function start(answers: Answers = {}, options: OciOptions = {}): Promise<World> {
  const folder = makeFolder()
  const config = folder.write(
    'config',
    `[DEFAULT]\nuser=${user}\nfingerprint=${fingerprint}\nkey_file=${folder.write('key.pem', pem)}\ntenancy=${tenancy}\nregion=us-ashburn-1\n`,
  )
  const known: Answers = { ...stock, ...answers }
  const server = await startStrictServer({ keyId: `${tenancy}/${user}/${fingerprint}`, publicKey }, (request, all) => {
    const reply = known[`${request.method} ${request.path}`]
    if (reply === undefined) return { status: 404, json: { code: 'NotAuthorizedOrNotFound', message: 'not there' } }
    return typeof reply === 'function' ? reply(request, all) : reply
  })
  const report = createRecorder()
  const context: CloudContext = {
    ...createIo({ HOME: folder.path }),
    report,
    clock: { ...systemClock, sleep: async (_ms, signal) => signal?.throwIfAborted() },
    require: async (_flag, value) => value ?? '',
  }
  const cloud = await open({ configFile: config, apiUrl: server.apiUrl, compartment, ...options }, context)
  return {
    cloud,
    all: server.all,
    faults: server.faults,
    lines: report.lines,
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

const { signal } = new AbortController()
const turnedAway = { note() {}, wasDone: async () => false }
const order = { plan: 'BM.Standard.E4.128', place: domain, hostname: 'me-linuxkit', scriptUrl, alwaysPxe: true }
const creation = { order, mark, attempt: 1, turnedAway, lastTry: signal }
const refusalOf = async (doing: Promise<unknown>): Promise<unknown> =>
  await doing.then(
    () => undefined,
    (error: unknown) => error,
  )

/** Answers the first launches with nothing, and the next with a reply. */
const lateAnswer = (lost: number, reply: Reply) => (_: Arrived, all: readonly Arrived[]) =>
  all.filter(({ path }) => path === '/instances').length <= lost ? ('dropped' as const) : reply

/** A refusal of a launch after one whose answer is lost. */
const after = (status: number, code: string, message = 'no') => lateAnswer(1, { status, json: { code, message } })

/** Requests are sent in parallel, so in any order. */
const byPath = ([a]: readonly unknown[], [b]: readonly unknown[]) => JSON.stringify(a).localeCompare(JSON.stringify(b))

/** The requests as `METHOD path query body`, without headers. */
const shapesOf = (all: readonly Arrived[]) =>
  all.map(({ method, path, query, body }) => [`${method} ${path}`, query, ...(body === undefined ? [] : [body])])

test('a launch, with everything that leads to it', async () => {
  await using world = await start()
  const chosen = await world.cloud.prepare({ plan: undefined, place: undefined }, signal)
  expect(chosen).toEqual({ plan: 'BM.Standard.E4.128', place: domain })
  const machine = await world.cloud.create(creation)
  expect(machine).toMatchObject({ id, state: 'PROVISIONING', phase: 'coming', hostname: 'me-linuxkit', isOurs: true })
  expect(shapesOf(world.all).toSorted(byPath)).toEqual(
    [
      ['GET /availabilityDomains', { compartmentId: tenancy }],
      ['GET /shapes', { compartmentId: compartment, availabilityDomain: domain, limit: '1000' }],
      ['GET /subnets', { compartmentId: compartment, lifecycleState: 'AVAILABLE', limit: '1000' }],
      [
        'GET /images',
        {
          compartmentId: compartment,
          shape: 'BM.Standard.E4.128',
          lifecycleState: 'AVAILABLE',
          sortBy: 'TIMECREATED',
          sortOrder: 'DESC',
          limit: '1000',
        },
      ],
      [
        'POST /computeCapacityReports',
        {},
        {
          compartmentId: tenancy,
          availabilityDomain: domain,
          shapeAvailabilities: [{ instanceShape: 'BM.Standard.E4.128' }],
        },
      ],
      [
        'POST /instances',
        {},
        {
          availabilityDomain: domain,
          compartmentId: compartment,
          shape: 'BM.Standard.E4.128',
          displayName: 'me-linuxkit',
          freeformTags: { metalkit: mark },
          ipxeScript,
          sourceDetails: { sourceType: 'image', imageId: image },
          createVnicDetails: { subnetId: subnet, assignPublicIp: true },
        },
      ],
    ].toSorted(byPath),
  )
  expect(world.all.at(-1)?.headers['opc-retry-token']).toBe(mark)
  expect(world.cloud.costNote).toMatch(/bills this shape while it is stopped/)
  expect(world.faults).toEqual([])
})

test('a private subnet gets no public address, and a flexible shape a size', async () => {
  const answers = { 'GET /subnets': { json: [subnetOf({ prohibitPublicIpOnVnic: true })] } }
  await using world = await start(answers)
  await world.cloud.prepare({ plan: 'VM.Standard.A1.Flex', place: 'US-ASHBURN-AD-1' }, signal)
  await world.cloud.create(creation)
  expect(world.all.at(-1)?.body).toMatchObject({
    shape: 'VM.Standard.A1.Flex',
    shapeConfig: { ocpus: 1, memoryInGBs: 8 },
    createVnicDetails: { assignPublicIp: false },
  })
  expect(world.cloud.costNote).toBeUndefined()
})

describe('a choice', () => {
  const two = [subnetOf(), subnetOf({ id: `${subnet}2`, displayName: null })]
  test.each<[string, Answers, OciOptions, string]>([
    [
      'of compartments',
      {
        'GET /compartments': {
          json: [{ id: 'ocid1.compartment.oc1..a', compartmentId: tenancy, name: 'dev', lifecycleState: 'ACTIVE' }],
        },
      },
      { compartment: undefined },
      `there are 2 compartments to choose from; name one with --compartment: ${tenancy} (the tenancy), ocid1.compartment.oc1..a (dev)`,
    ],
    [
      'of domains',
      { 'GET /availabilityDomains': { json: [{ name: domain }, { name: 'Uocm:US-ASHBURN-AD-2' }] } },
      {},
      `there are 2 availability domains to choose from; name one with --availability-domain: ${domain}, Uocm:US-ASHBURN-AD-2`,
    ],
    [
      'of shapes',
      { 'GET /shapes': { json: [{ shape: 'BM.Standard.E4.128' }, { shape: 'BM.Standard.A1.160' }] } },
      {},
      'there are 2 bare metal shapes to choose from; name one with --machine: BM.Standard.E4.128, BM.Standard.A1.160',
    ],
    [
      'of subnets',
      { 'GET /subnets': { json: two } },
      {},
      `there are 2 subnets to choose from; name one with --subnet: ${subnet} (public), ${subnet}2`,
    ],
    [
      'of no subnet',
      { 'GET /subnets': { json: [subnetOf({ availabilityDomain: 'Uocm:US-ASHBURN-AD-3' })] } },
      {},
      'there is no subnet to choose; create a VCN with a subnet whose route table leads to the base URL, or name a subnet with --subnet',
    ],
    [
      'of no image',
      { 'GET /images': { json: [imageOf('Windows', 'Windows')] } },
      {},
      'there is no image for the shape "BM.Standard.E4.128" without a licence fee; name one with --image; the machine does not boot it, but Oracle Cloud needs one',
    ],
  ])('%s is left to the user', async (_name, answers, options, line) => {
    await using world = await start(answers, options)
    const error = await refusalOf(world.cloud.prepare({ plan: undefined, place: undefined }, signal))
    expect(describeError(error)).toBe(`usage: ${line}`)
    expect(world.all.filter(({ method, path }) => method === 'POST' && path === '/instances')).toEqual([])
  })

  test.each([
    [
      { plan: 'BM.Standard.E4.127', place: undefined },
      'the availability domain has no shape "BM.Standard.E4.127"; name one with --machine: BM.Standard.E4.128',
    ],
    [
      { plan: undefined, place: 'AD-9' },
      `there is no availability domain "AD-9"; name one with --availability-domain: ${domain}`,
    ],
  ])('%j that is wrong is refused with what there is', async (wish, line) => {
    await using world = await start()
    expect(describeError(await refusalOf(world.cloud.prepare(wish, signal)))).toContain(`usage: ${line}`)
  })
})

describe('capacity', () => {
  test.each([
    ['OUT_OF_HOST_CAPACITY', `oci: there is no free machine of the shape "BM.Standard.E4.128" in ${domain} now`],
    [
      'HARDWARE_NOT_SUPPORTED',
      `oci: the shape "BM.Standard.E4.128" is not available in ${domain} (HARDWARE_NOT_SUPPORTED)`,
    ],
  ])('%s ends a run before it launches', async (availabilityStatus, line) => {
    const report = { json: { shapeAvailabilities: [{ availabilityStatus }] } }
    await using world = await start({ 'POST /computeCapacityReports': report })
    const error = await refusalOf(world.cloud.prepare({ plan: undefined, place: undefined }, signal))
    expect(describeError(error)).toBe(`${line}; try another --availability-domain or --machine, or later`)
  })

  test('that cannot be asked for is left to the launch', async () => {
    const refusal = { status: 404, json: { code: 'NotAuthorizedOrNotFound', message: 'no' } }
    await using world = await start({ 'POST /computeCapacityReports': refusal })
    await world.cloud.prepare({ plan: undefined, place: undefined }, signal)
    expect(world.lines.join('\n')).toContain('cannot check whether there is a free machine')
  })

  test('that is gone at the launch is refused at once, though the answer is a 500', async () => {
    const refusal = { status: 500, json: { code: 'InternalError', message: 'Out of host capacity.' } }
    await using world = await start({ 'POST /instances': refusal })
    const error = await refusalOf(world.cloud.create(creation))
    expect(error).toBeInstanceOf(FinalRefusal)
    expect(error).not.toBeInstanceOf(UncertainError)
    expect(describeError(error)).toBe(
      'oci: creating a machine: the API answered 500 "InternalError: Out of host capacity." [request REQ/1]; try another --availability-domain or --machine, or later',
    )
    expect(world.all.filter(({ path }) => path === '/instances')).toHaveLength(1)
  })
})

describe('a launch', () => {
  test('whose answer is lost is repeated, byte for byte and with the same token', async () => {
    await using world = await start({ 'POST /instances': lateAnswer(2, { json: instance() }) })
    expect(await world.cloud.create(creation)).toMatchObject({ id })
    const launches = world.all.filter(({ path }) => path === '/instances')
    expect(launches).toHaveLength(3)
    expect(new Set(launches.map(({ body }) => JSON.stringify(body))).size).toBe(1)
    expect(launches.map(({ headers }) => headers['opc-retry-token'])).toEqual([mark, mark, mark])
    expect(world.faults).toEqual([])
  })

  test.each([
    ['an interrupt', 'dropped' as const],
    ['an interrupt after a 500', { status: 500, json: { code: 'InternalError', message: 'x' } }],
  ])('may exist after %s', async (_name, reply) => {
    const interrupt = new AbortController()
    const answer = (): Reply => {
      interrupt.abort(new Error('interrupted'))
      return reply
    }
    await using world = await start({ 'POST /instances': answer })
    await world.cloud.prepare({ plan: undefined, place: undefined }, signal)
    const error = await refusalOf(world.cloud.create({ ...creation, lastTry: interrupt.signal }))
    expect(error).toBeInstanceOf(UncertainError)
  })

  test('that is refused after a lost answer may exist, and may be what has used up the limit', async () => {
    await using late = await start({ 'POST /instances': after(404, 'NotAuthorizedOrNotFound') })
    expect(await refusalOf(late.cloud.create(creation))).toBeInstanceOf(UncertainError)
    await using used = await start({ 'POST /instances': after(409, 'InvalidatedRetryToken') })
    expect(await refusalOf(used.cloud.create(creation))).toBeInstanceOf(UncertainError)
    await using limited = await start({ 'POST /instances': after(400, 'LimitExceeded') })
    expect(await refusalOf(limited.cloud.create(creation))).toBeInstanceOf(UncertainError)
    await using full = await start({ 'POST /instances': after(500, 'InternalError', 'Out of host capacity.') })
    expect(await refusalOf(full.cloud.create(creation))).toBeInstanceOf(UncertainError)
  })

  test('whose answer is lost and whose machine has ended is not waited for, and is no loss', async () => {
    const ended = { json: instance({ lifecycleState: 'TERMINATED' }) }
    await using world = await start({
      'POST /instances': after(409, 'InvalidatedRetryToken'),
      'GET /instances': { json: [ended.json] },
      [`GET /instances/${id}`]: ended,
      [`DELETE /instances/${id}`]: { status: 404, json: { code: 'NotAuthorizedOrNotFound', message: 'x' } },
    })
    const { cloud } = world
    const report = createRecorder()
    const never = new AbortController().signal
    const rental = { cloud, order, runId: mark.replace('mko-', ''), keep: false, report, signal, forced: never }
    {
      await using machine = await rentMachine(rental)
      const following = followMachine({ cloud, id: machine.record.id, timeoutMs: 1000, onLook() {}, signal })
      expect(await refusalOf(following)).toBeInstanceOf(MachineError)
    }
    expect(world.all.filter(({ method, path }) => method === 'POST' && path === '/instances')).toHaveLength(2)
    expect(report.lines.join('\n')).toContain(`The machine ${id} is deleted.`)
  })

  test('that a conflict refuses has made nothing', async () => {
    await using world = await start({
      'POST /instances': { status: 409, json: { code: 'LockConflict', message: 'x' } },
    })
    const error = await refusalOf(world.cloud.create(creation))
    expect(error).toBeInstanceOf(ApiError)
    expect(error).not.toBeInstanceOf(UncertainError)
  })

  test.each(['LimitExceeded', 'QuotaExceeded'])('that is over a limit is explained: %s', async (code) => {
    await using world = await start({ 'POST /instances': { status: 400, json: { code, message: 'standard-e4-bm' } } })
    expect(describeError(await refusalOf(world.cloud.create(creation)))).toMatch(
      new RegExp(
        `^oci: creating a machine: the API answered 400 "${code}: standard-e4-bm" \\[request REQ/1\\]; the tenancy may not have more`,
      ),
    )
  })

  test('that fails later is a failure with the words of its work request', async () => {
    let state = 'PROVISIONING'
    const errors = {
      json: [{ code: 'InternalError', message: 'The host did not boot', timestamp: '2026-11-28T20:00:00Z' }],
    }
    await using world = await start({
      [`GET /instances/${id}`]: () => ({ json: instance({ lifecycleState: state }) }),
      'GET /workRequests/ocid1.workrequest.x/errors': errors,
    })
    await world.cloud.create(creation)
    expect((await world.cloud.get(id)).phase).toBe('coming')
    state = 'TERMINATING'
    expect((await world.cloud.get(id)).phase).toBe('failed')
    expect(await world.cloud.listEvents(id, signal)).toMatchObject([{ body: 'InternalError: The host did not boot' }])
    await world.cloud.delete(id)
    expect((await world.cloud.get(id)).phase).toBe('going')
    state = 'TERMINATED'
    expect((await world.cloud.get(id)).phase).toBe('gone')
  })
})

test.each([
  ['MOVING', 'switching'],
  ['PROVISIONING', 'coming'],
  ['RUNNING', 'on'],
  ['STARTING', 'switching'],
  ['STOPPING', 'stopping'],
  ['STOPPED', 'off'],
  ['CREATING_IMAGE', 'on'],
  ['TERMINATING', 'going'],
  ['TERMINATED', 'gone'],
  ['DREAMING', 'unknown'],
])('the state %s is %s', async (lifecycleState, phase) => {
  await using world = await start({ [`GET /instances/${id}`]: { json: instance({ lifecycleState }) } })
  expect(await world.cloud.get(id)).toMatchObject({ state: lifecycleState, phase })
})

test('a list has all pages, without foreign and terminated machines', async () => {
  const pages: Record<string, Reply> = {
    '': {
      json: [instance(), instance({ id: 'foreign', freeformTags: {} })],
      headers: { 'opc-next-page': 'b/2==' },
    },
    'b/2==': {
      json: [
        instance({ id: 'gone', lifecycleState: 'TERMINATED' }),
        instance({ id: 'other', freeformTags: { metalkit: 'mko-2' } }),
      ],
    },
  }
  await using world = await start({ 'GET /instances': ({ query }) => pages[query['page'] ?? ''] ?? { status: 400 } })
  expect((await world.cloud.list()).map((machine) => machine.id)).toEqual([id, 'other'])
  expect((await world.cloud.list(mark)).map((machine) => machine.id)).toEqual([id, 'gone'])
  expect(await world.cloud.findListed({ id: 'gone', projectId: undefined })).toMatchObject({ phase: 'gone' })
  expect(world.all.map(({ query }) => query)).toContainEqual({
    compartmentId: compartment,
    limit: '1000',
    page: 'b/2==',
  })
})

test('a list whose next page is always the same has an end, and each machine once', async () => {
  const reply = { json: [instance()], headers: { 'opc-next-page': 'again' } }
  await using world = await start({ 'GET /instances': reply })
  expect((await world.cloud.list()).map((machine) => machine.id)).toEqual([id])
  expect(world.all).toHaveLength(2)
})

test.each([
  ['on', 'START'],
  ['off', 'STOP'],
  ['reboot', 'RESET'],
] as const)('power %s is the action %s, without a body and with a token', async (action, name) => {
  await using world = await start()
  await world.cloud.power(id, action, signal)
  expect(shapesOf(world.all)).toEqual([[`POST /instances/${id}`, { action: name }]])
  expect(world.all[0]?.headers).toMatchObject({ 'content-length': '0' })
  expect(world.all[0]?.headers['opc-retry-token']).toMatch(/^[0-9a-f-]{36}$/)
})

test('a machine is deleted with its boot volume and the console connection of a killed run', async () => {
  const connection = (more: object) => ({
    id: 'ocid1.instanceconsoleconnection.1',
    instanceId: id,
    lifecycleState: 'ACTIVE',
    freeformTags: { metalkit: mark },
    ...more,
  })
  await using world = await start({
    'GET /instanceConsoleConnections': {
      json: [
        connection({}),
        connection({ id: 'foreign', freeformTags: {} }),
        connection({ id: 'elsewhere', instanceId: 'other' }),
        connection({ id: 'deleted', lifecycleState: 'DELETED' }),
      ],
    },
    'DELETE /instanceConsoleConnections/ocid1.instanceconsoleconnection.1': { status: 204 },
  })
  await world.cloud.delete(id, signal)
  expect(shapesOf(world.all).filter(([name]) => JSON.stringify(name).startsWith('"DELETE'))).toEqual([
    [`DELETE /instances/${id}`, { preserveBootVolume: 'false' }],
    ['DELETE /instanceConsoleConnections/ocid1.instanceconsoleconnection.1', {}],
  ])
})

test('a machine that has vanished is gone; a conflict that passes is waited for', async () => {
  await using world = await start({
    [`DELETE /instances/${id}`]: (_: Arrived, all: readonly Arrived[]) =>
      all.length < 3 ? { status: 409, json: { code: 'IncorrectState', message: 'busy' } } : { status: 204 },
    [`GET /instances/x`]: { status: 404, json: { code: 'NotAuthorizedOrNotFound', message: 'no' } },
  })
  await world.cloud.delete(id, signal)
  const error = await refusalOf(world.cloud.get('x'))
  expect(world.cloud.isGone(error)).toBe(true)
  expect(describeError(error)).toContain('Oracle Cloud says so too if the user of the profile may not see it')
})

describe('--device', () => {
  test('resets a machine, or starts one that is off, if its script has the same URL', async () => {
    for (const [lifecycleState, action] of [
      ['RUNNING', 'RESET'],
      ['STOPPED', 'START'],
    ] as const) {
      await using world = await start({ [`GET /instances/${id}`]: { json: instance({ lifecycleState }) } })
      const machine = await world.cloud.get(id)
      await world.cloud.boot(machine, { ...order }, signal)
      // This API keeps no history of the console, which a reset does not need.
      expect(shapesOf(world.all)).toContainEqual([`POST /instances/${id}`, { action }])
    }
  })

  test('says that another URL is impossible, and does nothing', async () => {
    await using world = await start()
    const machine = await world.cloud.get(id)
    const error = await refusalOf(world.cloud.boot(machine, { ...order, scriptUrl: 'http://other/x.ipxe' }, signal))
    expect(describeError(error)).toBe(
      `machine: the machine ${id} boots "${scriptUrl}" for its whole life, not "http://other/x.ipxe"; Oracle Cloud cannot change the ipxeScript of an instance: serve the image under that URL, with the same --base-url and name, or rent another machine`,
    )
    expect(world.all).toHaveLength(1)
  })

  test('refuses a machine with another script', async () => {
    await using world = await start({ [`GET /instances/${id}`]: { json: instance({ ipxeScript: null }) } })
    expect((await world.cloud.get(id)).whyNotBootable?.message).toContain('no ipxeScript')
  })
})

describe('a profile that is refused', () => {
  const denied: Reply = { status: 401, json: { code: 'NotAuthenticated', message: 'no' } }
  test('is named', async () => {
    await using world = await start({ 'GET /availabilityDomains': denied })
    expect(describeError(await refusalOf(world.cloud.check('profile', signal)))).toMatch(
      /^oci: .* the API answered 401 .*check user, fingerprint and key_file of the profile "DEFAULT", and that the user has this API key/,
    )
  })

  test('because of the clock is told so', async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString()
    await using world = await start({ 'GET /availabilityDomains': { ...denied, headers: { date } } })
    expect(describeError(await refusalOf(world.cloud.check('profile', signal)))).toContain(
      "the clock of this computer differs from the API's by 60 minutes: set it",
    )
  })
})

test('nothing secret is in any line', async () => {
  await using world = await start({
    'POST /instances': { status: 400, json: { code: 'InvalidParameter', message: 'no' } },
  })
  await world.cloud.prepare({ plan: undefined, place: undefined }, signal)
  const error = await refusalOf(world.cloud.create(creation))
  const said = [...world.lines, describeError(error)].join('\n')
  expect(said).toContain('POST 127.0.0.1')
  for (const { headers } of world.all)
    expect(said).not.toContain(/signature="([^"]+)"/.exec(headers['authorization'] ?? '')?.[1])
  expect(said).not.toMatch(/Signature|PRIVATE|keyId/)
})
