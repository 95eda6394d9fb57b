// The wire contract of Oracle's Core Services API, version 20160918, as far as a client needs it: fields that are read are
// checked, others pass. Source: the structs of oracle/oci-go-sdk (7ce2eb7c, core/ and identity/), whose `mandatory:"true"`
// fields are required here. Lists are arrays; the header opc-next-page names the next page.
//
// Calls, all below /20160918:
//   POST   /instances                        LaunchInput, opc-retry-token → instance
//   GET    /instances?compartmentId&limit&page → instances
//   GET    /instances/{id} → instance
//   POST   /instances/{id}?action=START|STOP|RESET, opc-retry-token, no body → instance
//   DELETE /instances/{id}?preserveBootVolume=false
//   GET    /workRequests/{id}/errors → work request errors
//   POST   /computeCapacityReports           CapacityReportInput → capacity report
//   GET    /shapes?compartmentId&availabilityDomain, /images?compartmentId&shape&lifecycleState&sortBy&sortOrder,
//          /subnets?compartmentId&lifecycleState → lists
//   POST   /instanceConsoleConnections       ConsoleConnectionInput, opc-retry-token → console connection
//   GET    /instanceConsoleConnections?compartmentId[&instanceId], /instanceConsoleConnections/{id}; DELETE the latter
//   POST   /instanceConsoleHistories         ConsoleHistoryInput, opc-retry-token → console history
//   GET    /instanceConsoleHistories/{id}, /instanceConsoleHistories/{id}/data?offset&length (text); DELETE the former
// and from the identity service: GET /compartments?compartmentId&lifecycleState, GET /availabilityDomains?compartmentId
import { z } from 'zod/mini'

/** The version in each path. */
export const apiVersion = '20160918'

/** Headers of requests and answers. */
export const headers = {
  retryToken: 'opc-retry-token',
  requestId: 'opc-request-id',
  workRequestId: 'opc-work-request-id',
  nextPage: 'opc-next-page',
  bytesRemaining: 'opc-bytes-remaining',
} as const

/** The freeform tag whose value is the mark of a run; each of its machines and console connections has it. */
export const runTag = 'metalkit'

const word = z.string().check(z.minLength(1))
const freeformTags = z.nullish(z.record(z.string(), z.string()))

/** States of an instance; unknown states pass. */
export const instanceStates = [
  'MOVING',
  'PROVISIONING',
  'RUNNING',
  'STARTING',
  'STOPPING',
  'STOPPED',
  'CREATING_IMAGE',
  'TERMINATING',
  'TERMINATED',
] as const

/** A rented machine. timeCreated is RFC 3339. */
export const instanceSchema = z.looseObject({
  id: word,
  availabilityDomain: word,
  compartmentId: word,
  lifecycleState: word,
  region: word,
  shape: word,
  timeCreated: word,
  displayName: z.nullish(z.string()),
  freeformTags,
  ipxeScript: z.nullish(z.string()),
  imageId: z.nullish(z.string()),
})
export type Instance = z.infer<typeof instanceSchema>
export const instanceListSchema = z.array(instanceSchema)

/** States of a console connection. */
export const consoleConnectionStates = ['CREATING', 'ACTIVE', 'FAILED', 'DELETING', 'DELETED'] as const

/** A console connection: access to an instance's serial console by SSH. Every field is optional in the SDK; `id` is needed. */
export const consoleConnectionSchema = z.looseObject({
  id: word,
  instanceId: z.nullish(z.string()),
  compartmentId: z.nullish(z.string()),
  lifecycleState: z.nullish(z.string()),
  /** Of the public key that may log in. */
  fingerprint: z.nullish(z.string()),
  /** Of the service's host key; which hop's, and in which form, is not documented. */
  serviceHostKeyFingerprint: z.nullish(z.string()),
  /** `ssh -o ProxyCommand='ssh -W %h:%p -p 443 <connection>@<gateway>' <instance>` */
  connectionString: z.nullish(z.string()),
  freeformTags,
})
export type ConsoleConnection = z.infer<typeof consoleConnectionSchema>
export const consoleConnectionListSchema = z.array(consoleConnectionSchema)

/** A capture of the serial console's latest output: REQUESTED, GETTING-HISTORY, SUCCEEDED or FAILED. */
export const consoleHistorySchema = z.looseObject({ id: word, instanceId: word, lifecycleState: word })

export const shapeListSchema = z.array(
  z.looseObject({
    shape: word,
    isBilledForStoppedInstance: z.nullish(z.boolean()),
    isFlexible: z.nullish(z.boolean()),
  }),
)
export type Shape = z.infer<typeof shapeListSchema>[number]

export const imageListSchema = z.array(
  z.looseObject({
    id: word,
    lifecycleState: word,
    operatingSystem: word,
    operatingSystemVersion: word,
    timeCreated: word,
    displayName: z.nullish(z.string()),
  }),
)

export const subnetSchema = z.looseObject({
  id: word,
  compartmentId: word,
  vcnId: word,
  lifecycleState: word,
  displayName: z.nullish(z.string()),
  /** Absent for a subnet of the whole region. */
  availabilityDomain: z.nullish(z.string()),
  prohibitPublicIpOnVnic: z.nullish(z.boolean()),
})
export const subnetListSchema = z.array(subnetSchema)

/** Every field is optional in the SDK; a domain without a name cannot be used. */
export const availabilityDomainListSchema = z.array(z.looseObject({ name: word }))

export const compartmentListSchema = z.array(
  z.looseObject({ id: word, compartmentId: word, name: word, lifecycleState: word }),
)

/** AVAILABLE, OUT_OF_HOST_CAPACITY or HARDWARE_NOT_SUPPORTED. */
export const capacityReportSchema = z.looseObject({
  shapeAvailabilities: z.array(
    z.looseObject({
      instanceShape: z.nullish(z.string()),
      availabilityStatus: z.nullish(z.string()),
      availableCount: z.nullish(z.number()),
    }),
  ),
})

/** Why a work request, such as a launch, failed. */
export const workRequestErrorListSchema = z.array(z.looseObject({ code: word, message: word }))

/** The body of an answer that is not 2xx. */
export const errorSchema = z.looseObject({ code: z.string(), message: z.string() })

/** Body of POST /instances, as far as metalkit sends it. */
export interface LaunchInput {
  availabilityDomain: string
  compartmentId: string
  shape: string
  /** Only for a flexible shape. */
  shapeConfig?: { ocpus: number; memoryInGBs: number }
  displayName: string
  freeformTags: Record<string, string>
  /** The text of an iPXE script, which runs at every boot. */
  ipxeScript: string
  sourceDetails: { sourceType: 'image'; imageId: string }
  createVnicDetails: { subnetId: string; assignPublicIp: boolean }
}

/** Body of POST /computeCapacityReports. `compartmentId` is the root compartment. */
export interface CapacityReportInput {
  compartmentId: string
  availabilityDomain: string
  shapeAvailabilities: { instanceShape: string; instanceShapeConfig?: LaunchInput['shapeConfig'] }[]
}

/** Body of POST /instanceConsoleConnections; `publicKey` is one RSA key. */
export interface ConsoleConnectionInput {
  instanceId: string
  publicKey: string
  freeformTags: Record<string, string>
}

/** Body of POST /instanceConsoleHistories. */
export interface ConsoleHistoryInput {
  instanceId: string
  freeformTags: Record<string, string>
}
