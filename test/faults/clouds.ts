// The clouds that the soak and the fault matrices play in, a row each: how `run` names one, its faults, and what may be left in it.
import { readFileSync } from 'node:fs'
import { bootScript } from '../../src/ipxe/boot-script.ts'
import { latitudeScript, ociScript } from '../../src/ipxe/cloud-differences.ts'
import type { FaultDialect } from '../../src/lab/faults/dialect.ts'
import { metalFaults } from '../../src/lab/faults/fault-kinds.ts'
import { latitude } from '../../src/lab/latitude/face.ts'
import { latitudeFaults } from '../../src/lab/latitude/faults.ts'
import { ociFaults } from '../../src/lab/oci/faults.ts'
import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'
import { attendedMachines, startTestLab, type TestLab, waitUntil } from '../helpers/lab.ts'
import { type OciLab, startOciLab } from '../lab/oci/oci-lab.ts'
import { addServer, serversIn } from '../latitude/world.ts'
import { openLab, type OpenStage, publishImage, type Remain } from './world.ts'

/** A cloud. */
export interface FaultCloud {
  title: string
  /** As `run` names it. */
  name: string
  /** The flags that its `run` needs besides the image's. */
  flags: readonly string[]
  /** The flags with which `run` boots an existing machine instead. */
  reuseFlags: (id: string) => readonly string[]
  /** What `-id-file` writes. */
  idFile: RegExp
  faults: FaultDialect
  /** The steps at which the soak plays faults; one that is named twice is drawn twice as often. */
  steps: readonly string[]
  open: OpenStage
}

const latitudeSecrets = [/"credentials"|"password"/]

async function latitudeRemains(lab: TestLab): Promise<Remain[]> {
  const servers = await serversIn(lab)
  return servers
    .filter(({ attributes: { status } }) => status !== 'deleting')
    .map(({ id, attributes: { hostname } }) => ({ id, names: [id, hostname.slice(0, 28)] }))
}

const openLatitude: OpenStage = async (pace, later) => {
  const lab = await startTestLab({ face: latitude, driver: attendedMachines(), pace, later })
  return {
    ...lab,
    dialect: latitudeFaults,
    secrets: latitudeSecrets,
    remains: () => latitudeRemains(lab),
    async addMachine(baseUrl) {
      const id = await addServer(lab, 'web-1', `${baseUrl}/demo-latitude.ipxe`)
      await waitUntil(
        () => serversIn(lab),
        ([server]) => server?.attributes.status === 'on',
      )
      return id
    },
  }
}

interface Listed {
  id: string
  lifecycleState: string
  freeformTags?: Record<string, string>
}

/** What is neither deleted nor being deleted: instances, and console connections, of which a tenancy has ten. */
async function ociRemains(lab: OciLab): Promise<Remain[]> {
  const list = async (kind: string): Promise<Listed[]> => {
    const { json } = await lab.oci('GET', `/${kind}?compartmentId=${lab.compartmentId}`)
    return json.filter(({ lifecycleState }: Listed) => !/^(?:TERMINAT|DELET)/.test(lifecycleState))
  }
  const instances = await list('instances')
  const connections = await list('instanceConsoleConnections')
  return [
    ...instances.map(({ id, freeformTags }) => ({ id, names: [id, freeformTags?.['metalkit'] ?? id] })),
    ...connections.map(({ id }) => ({ id, names: [id], isExtra: true })),
  ]
}

const openOci: OpenStage = async (pace, later) => {
  // On a busy computer it takes long to reach a console through two hops, and the history of what was missed is not waited for.
  const driver = createSimulatedDriver({ lineDelayMs: 10, selfTestMs: 30_000 })
  const lab = await startOciLab({ driver, pace, later })
  const keyFile = lab.profile['key_file'] ?? ''
  const key = readFileSync(keyFile, 'utf8').split('\n')[2] ?? 'x'
  return {
    ...lab,
    // An RSA key: to make one for each console takes longer than most runs.
    userKeyPath: keyFile,
    dialect: ociFaults,
    secrets: [key, /PRIVATE KEY|signature="/],
    remains: () => ociRemains(lab),
    async addMachine(baseUrl) {
      const ipxeScript = `#!ipxe\nchain --autofree ${baseUrl}/demo-oci.ipxe\n`
      const { json } = await lab.launch({ ipxeScript, freeformTags: { metalkit: 'web-1' } })
      await lab.until(json.id, 'RUNNING')
      return json.id
    },
  }
}

/** Equinix Metal. */
export const metalCloud: FaultCloud = {
  title: 'Equinix Metal',
  name: 'equinixmetal',
  flags: [],
  reuseFlags: (id) => ['-device', id],
  idFile: /^[0-9a-f-]{36}\n$/,
  faults: metalFaults,
  steps: ['create', 'get', 'events', 'delete', 'list', 'delete', 'get', 'sos'],
  open: openLab,
}

/** Latitude.sh. */
export const latitudeCloud: FaultCloud = {
  title: 'Latitude.sh',
  name: 'latitude',
  flags: ['-machine', 'c3-small-x86', '-metro', 'DAL'],
  reuseFlags: (id) => ['-device', id, '-yes'],
  idFile: /^sv_\w+\n$/,
  faults: latitudeFaults,
  steps: ['create', 'get', 'delete', 'list', 'delete', 'get', 'console', 'projects', 'plans', 'keys', 'sos'],
  open: openLatitude,
}

/** Oracle Cloud. */
export const ociCloud: FaultCloud = {
  title: 'Oracle Cloud',
  name: 'oci',
  flags: ['-machine', 'BM.Standard.E4.128'],
  reuseFlags: (id) => ['-device', id],
  idFile: /^ocid1\.instance\.[\w.-]+\n$/,
  faults: ociFaults,
  steps: [
    'create',
    'get',
    'delete',
    'list',
    'delete',
    'console',
    'console-get',
    'console-delete',
    'capacity',
    'sos',
    'tunnel',
  ],
  open: openOci,
}

/** All of them. */
export const faultClouds: readonly FaultCloud[] = [metalCloud, latitudeCloud, ociCloud]

/** An image with the scripts of all clouds, at a working base URL. */
export async function publishForAll() {
  const words = { name: 'demo', arch: 'x86_64' } as const
  return await publishImage({
    'demo-latitude.ipxe': (baseUrl) =>
      bootScript({ ...words, baseUrl, cmdline: 'console=ttyS1', cloud: latitudeScript }),
    'demo-oci.ipxe': (baseUrl) => bootScript({ ...words, baseUrl, cmdline: 'console=ttyS0', cloud: ociScript }),
  })
}
