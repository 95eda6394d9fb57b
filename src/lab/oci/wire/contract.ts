// What requests must and may contain, after the SDKs' structs, which Oracle generates from its specification. A `!` marks a
// field that the structs call mandatory. The lab refuses what is missing, what has another type, and fields that no struct has.
import type { LabAnswer } from '../../web/answer.ts'
import { parseJson } from '../../web/request.ts'
import type { RoutedRequest } from '../../web/router.ts'
import { refuse } from './refusal.ts'

/**
 * The body of each request by the name of its struct. Types: `string`, `boolean`, `number`, `strings` (an object of strings), `object`,
 * `A|B` (one of these words), `list:STRUCT`, `list:string`, or the name of a struct.
 */
export const structs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  LaunchInstanceDetails: {
    availabilityDomain: 'string!',
    compartmentId: 'string!',
    shape: 'string',
    displayName: 'string',
    ipxeScript: 'string',
    imageId: 'string',
    subnetId: 'string',
    hostnameLabel: 'string',
    faultDomain: 'string',
    sourceDetails: 'InstanceSourceDetails',
    createVnicDetails: 'CreateVnicDetails',
    shapeConfig: 'LaunchInstanceShapeConfigDetails',
    launchOptions: 'LaunchOptions',
    metadata: 'strings',
    extendedMetadata: 'object',
    freeformTags: 'strings',
    definedTags: 'object',
    securityAttributes: 'object',
    instanceOptions: 'object',
    availabilityConfig: 'object',
    preemptibleInstanceConfig: 'object',
    agentConfig: 'object',
    platformConfig: 'object',
    placementConstraintDetails: 'object',
    launchVolumeAttachments: 'list:object',
    licensingConfigs: 'list:object',
    capacityReservationId: 'string',
    dedicatedVmHostId: 'string',
    clusterPlacementGroupId: 'string',
    computeClusterId: 'string',
    instanceConfigurationId: 'string',
    isPvEncryptionInTransitEnabled: 'boolean',
    isAIEnterpriseEnabled: 'boolean',
  },
  InstanceSourceDetails: {
    sourceType: 'image|bootVolume!',
    imageId: 'string',
    bootVolumeId: 'string',
    bootVolumeSizeInGBs: 'number',
    bootVolumeVpusPerGB: 'number',
    kmsKeyId: 'string',
    instanceSourceImageFilterDetails: 'object',
  },
  CreateVnicDetails: {
    subnetId: 'string',
    assignPublicIp: 'boolean',
    assignIpv6Ip: 'boolean',
    assignPrivateDnsRecord: 'boolean',
    displayName: 'string',
    hostnameLabel: 'string',
    privateIp: 'string',
    privateIpId: 'string',
    subnetCidr: 'string',
    vlanId: 'string',
    nsgIds: 'list:string',
    skipSourceDestCheck: 'boolean',
    ipv6AddressIpv6SubnetCidrPairDetails: 'list:object',
    freeformTags: 'strings',
    definedTags: 'object',
    securityAttributes: 'object',
  },
  LaunchInstanceShapeConfigDetails: {
    ocpus: 'number',
    vcpus: 'number',
    memoryInGBs: 'number',
    nvmes: 'number',
    localVolumeSizeInGBs: 'number',
    baselineOcpuUtilization: 'BASELINE_1_8|BASELINE_1_2|BASELINE_1_1',
    resourceManagement: 'DYNAMIC|STATIC',
  },
  LaunchOptions: {
    bootVolumeType: 'ISCSI|SCSI|IDE|VFIO|PARAVIRTUALIZED',
    firmware: 'BIOS|UEFI_64',
    networkType: 'E1000|VFIO|PARAVIRTUALIZED',
    remoteDataVolumeType: 'ISCSI|SCSI|IDE|VFIO|PARAVIRTUALIZED',
    isPvEncryptionInTransitEnabled: 'boolean',
    isConsistentVolumeNamingEnabled: 'boolean',
  },
  UpdateInstanceDetails: {
    displayName: 'string',
    shape: 'string',
    faultDomain: 'string',
    freeformTags: 'strings',
    definedTags: 'object',
    securityAttributes: 'object',
    metadata: 'strings',
    extendedMetadata: 'object',
    agentConfig: 'object',
    shapeConfig: 'object',
    sourceDetails: 'object',
    instanceOptions: 'object',
    launchOptions: 'object',
    availabilityConfig: 'object',
    platformConfig: 'object',
    licensingConfigs: 'list:object',
    timeMaintenanceRebootDue: 'string',
    updateOperationConstraint: 'ALLOW_DOWNTIME|AVOID_DOWNTIME',
    capacityReservationId: 'string',
    dedicatedVmHostId: 'string',
    isAIEnterpriseEnabled: 'boolean',
  },
  InstancePowerActionDetails: {
    actionType: 'reset|softreset|rebootMigrate!',
    allowDenseRebootMigration: 'boolean',
    deleteLocalStorage: 'boolean',
    timeScheduled: 'string',
  },
  CreateInstanceConsoleConnectionDetails: {
    instanceId: 'string!',
    publicKey: 'string!',
    freeformTags: 'strings',
    definedTags: 'object',
  },
  UpdateInstanceConsoleConnectionDetails: { freeformTags: 'strings', definedTags: 'object' },
  CaptureConsoleHistoryDetails: {
    instanceId: 'string!',
    displayName: 'string',
    freeformTags: 'strings',
    definedTags: 'object',
  },
  CreateComputeCapacityReportDetails: {
    compartmentId: 'string!',
    availabilityDomain: 'string!',
    shapeAvailabilities: 'list:CreateCapacityReportShapeAvailabilityDetails!',
  },
  CreateCapacityReportShapeAvailabilityDetails: {
    instanceShape: 'string!',
    faultDomain: 'string',
    instanceShapeConfig: 'object',
  },
}

/** The parameters of the query that the request structs call mandatory, by the name of the struct. */
export const mandatoryQuery: Readonly<Record<string, readonly string[]>> = {
  ListInstancesRequest: ['compartmentId'],
  InstanceActionRequest: ['action'],
  ListVnicAttachmentsRequest: ['compartmentId'],
  ListShapesRequest: ['compartmentId'],
  ListImagesRequest: ['compartmentId'],
  ListSubnetsRequest: ['compartmentId'],
  ListVcnsRequest: ['compartmentId'],
  ListInstanceConsoleConnectionsRequest: ['compartmentId'],
  ListConsoleHistoriesRequest: ['compartmentId'],
  ListAvailabilityDomainsRequest: ['compartmentId'],
  ListCompartmentsRequest: ['compartmentId'],
  ListWorkRequestsRequest: ['compartmentId'],
}

/** The fields of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** Whether a value is a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Why a value has not a type; undefined if it has. */
function refuseType(value: unknown, type: string, path: string): LabAnswer | undefined {
  const wrong = (what: string) => refuse('InvalidParameter', `${path} must be ${what}`)
  if (type === 'string' || type === 'boolean' || type === 'number') {
    return typeof value === type ? undefined : wrong(`a ${type}`)
  }
  if (type.startsWith('list:')) {
    if (!Array.isArray(value)) return wrong('a list')
    const refusals = value.map((item: unknown, index) => refuseType(item, type.slice(5), `${path}[${index}]`))
    return refusals.find((refusal) => refusal !== undefined)
  }
  if (type === 'object') return isFields(value) ? undefined : wrong('an object')
  if (type === 'strings') {
    return isFields(value) && Object.values(value).every((item) => typeof item === 'string')
      ? undefined
      : wrong('an object of strings')
  }
  if (Object.hasOwn(structs, type)) return refuseStruct(value, type, `${path}.`)
  return typeof value === 'string' && type.split('|').includes(value)
    ? undefined
    : wrong(`one of ${type.replaceAll('|', ', ')}`)
}

/** Why a value is not a struct of this name; undefined if it is. Null counts as absent. */
export function refuseStruct(value: unknown, name: string, path = ''): LabAnswer | undefined {
  const fields = structs[name] ?? {}
  if (!isFields(value)) return refuse('CannotParseRequest', `${path === '' ? 'The body' : path} must be an object`)
  for (const [field, spec] of Object.entries(fields)) {
    const content = value[field] ?? undefined
    if (content === undefined) {
      if (spec.endsWith('!')) return refuse('MissingParameter', `${path}${field} is required (${name})`)
      continue
    }
    const refusal = refuseType(content, spec.replace(/!$/, ''), `${path}${field}`)
    if (refusal !== undefined) return refusal
  }
  const unknown = Object.keys(value).find((field) => !Object.hasOwn(fields, field))
  return unknown === undefined ? undefined : refuse('InvalidParameter', `${path}${unknown} is not a field of ${name}`)
}

/** Answers a request whose body is a struct, after checking it. */
export function withStruct(
  request: Pick<RoutedRequest, 'body'>,
  name: string,
  answer: (fields: Fields) => LabAnswer,
): LabAnswer {
  const parsed = parseJson(request.body)
  if (parsed === undefined) return refuse('CannotParseRequest', 'Incorrectly formatted request.')
  const { value } = parsed
  return refuseStruct(value, name) ?? (isFields(value) ? answer(value) : refuse('CannotParseRequest', 'Not an object'))
}

/** Answers a request after checking that its query has what the struct calls mandatory. */
export function requireQuery(request: RoutedRequest, name: string, answer: () => LabAnswer): LabAnswer {
  const missing = mandatoryQuery[name]?.find((parameter) => (request.query.get(parameter) ?? '') === '')
  return missing === undefined ? answer() : refuse('MissingParameter', `${missing} is required (${name})`)
}
