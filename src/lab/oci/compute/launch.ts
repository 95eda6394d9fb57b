// Launches an instance: the checks of LaunchInstanceDetails beyond its struct, and the device that it becomes. Texts are inferred.
import { findRoom } from '../../cloud/capacity.ts'
import { createDevice, type DeviceRequest } from '../../cloud/device.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { RoutedRequest } from '../../web/router.ts'
import type { Account } from '../account/account.ts'
import { type Fields, isFields } from '../wire/contract.ts'
import type { Details } from './instance.ts'
import type { Instance, Instances } from './instances.ts'
import { notFound, outOfCapacity, refuse } from '../wire/refusal.ts'
import { readRetry } from '../wire/retry-tokens.ts'
import {
  availabilityDomain,
  type OracleImage,
  images,
  network,
  ociCatalogue,
  scriptSystem,
  type Shape,
  shapes,
} from './stock.ts'

/** The most that metadata and extendedMetadata may hold together. */
const maxMetadataBytes = 32_000

const maxTags = 10

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

/** An object of strings, which the contract has checked. */
function stringsOf(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).map(([key, item]) => [key, String(item)]))
}

/** Whether a compartment is the tenancy's root, or the one below it. */
export function isCompartment(id: string | null, { tenancyId, compartmentId }: Account): boolean {
  return id === tenancyId || id === compartmentId
}

/** Why tags or a name cannot be; undefined if they can. */
export function refuseNames({ displayName, freeformTags }: Fields): LabAnswer | undefined {
  const name = text(displayName)
  if (name !== undefined && (name.length < 1 || name.length > 255)) {
    return refuse('InvalidParameter', 'displayName must have 1 to 255 characters')
  }
  const tags = Object.entries(stringsOf(freeformTags))
  if (tags.length > maxTags) return refuse('InvalidParameter', `there may be ${maxTags} freeform tags`)
  const wrong = tags.find(([key, value]) => !/^[^\s.]{1,100}$/.test(key) || value.length > 256)
  return wrong === undefined ? undefined : refuse('InvalidParameter', `the freeform tag "${wrong[0]}" is not valid`)
}

/** What a launch names, once it was found. */
interface Choice {
  shape: Shape
  image: OracleImage
  subnetId: string
}

function chooseParts(fields: Fields): Choice | LabAnswer {
  const name = text(fields['shape'])
  if (name === undefined) return refuse('MissingParameter', 'shape is required')
  const shape = shapes.find(({ plan }) => plan.slug === name)
  if (shape === undefined) return refuse('InvalidParameter', `Shape ${name} is not valid.`)
  const source = fieldsOf(fields['sourceDetails'])
  // There are no boot volumes from which an instance could be launched.
  if (source['sourceType'] === 'bootVolume') return notFound
  const imageId = text(source['imageId']) ?? text(fields['imageId'])
  if (imageId === undefined) return refuse('MissingParameter', 'sourceDetails.imageId is required')
  const image = images.find(({ id }) => id === imageId)
  if (image === undefined) return notFound
  if (image.arch !== shape.plan.arch) {
    return refuse('InvalidParameter', `Shape ${name} is not valid for image ${imageId}.`)
  }
  const sizeGb = source['bootVolumeSizeInGBs'] ?? 50
  if (typeof sizeGb === 'number' && (sizeGb < 50 || sizeGb > 32_768)) {
    return refuse('InvalidParameter', 'bootVolumeSizeInGBs must be from 50 to 32768')
  }
  if (shape.isFlexible && fieldsOf(fields['shapeConfig'])['ocpus'] === undefined) {
    return refuse('MissingParameter', `shapeConfig.ocpus is required for ${name}`)
  }
  const subnetId = text(fieldsOf(fields['createVnicDetails'])['subnetId']) ?? text(fields['subnetId'])
  if (subnetId === undefined) return refuse('MissingParameter', 'createVnicDetails.subnetId is required')
  if (subnetId !== network.subnetId) return notFound
  return { shape, image, subnetId }
}

function refuseValues(fields: Fields, account: Account): LabAnswer | undefined {
  if (!isCompartment(text(fields['compartmentId']) ?? '', account)) return notFound
  if (fields['availabilityDomain'] !== availabilityDomain.name) {
    return refuse('InvalidParameter', `Availability domain ${String(fields['availabilityDomain'])} is not valid.`)
  }
  const faultDomain = text(fields['faultDomain'])
  if (faultDomain !== undefined && !availabilityDomain.faultDomains.includes(faultDomain)) {
    return refuse('InvalidParameter', `Fault domain ${faultDomain} is not valid.`)
  }
  const { metadata = {}, extendedMetadata = {} } = fields
  if (Buffer.byteLength(JSON.stringify([metadata, extendedMetadata])) > maxMetadataBytes) {
    return refuse('InvalidParameter', `metadata and extendedMetadata may have ${maxMetadataBytes} bytes together`)
  }
  return refuseNames(fields)
}

/** The request for a device that runs a script at every boot, or boots the image. */
function deviceRequest(fields: Fields, { shape, image }: Choice, displayName: string): DeviceRequest {
  const [metro] = ociCatalogue.metros
  if (metro === undefined) throw new Error('the catalogue has no region')
  const script = text(fields['ipxeScript']) ?? ''
  const hostname = displayName.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-')
  return {
    plan: shape.plan,
    metro,
    facilityCode: availabilityDomain.name,
    operatingSystem: script === '' ? image.system : scriptSystem,
    hostname: hostname.replaceAll(/^-+|-+$/g, '').slice(0, 63) || 'instance',
    description: null,
    billingCycle: 'hourly',
    ipxeScriptUrl: null,
    userdata: script,
    customdata: {},
    alwaysPxe: script !== '',
    locked: false,
    networkFrozen: false,
    spotInstance: false,
    spotPriceMax: undefined,
    addressKinds: ['public_ipv4', 'private_ipv4'],
    tags: [],
    terminationTime: null,
    keyIds: [],
  }
}

/** Creates the instance that a checked struct describes, or refuses it. */
export function launch(
  fields: Fields,
  request: RoutedRequest,
  { account, instances }: { account: Account; instances: Instances },
): Instance | LabAnswer {
  const refusal = refuseValues(fields, account)
  if (refusal !== undefined) return refusal
  const choice = chooseParts(fields)
  if ('status' in choice) return choice
  const retry = readRetry(request)
  if (retry !== undefined && 'status' in retry) return retry
  const { cloud } = instances
  const room = findRoom(cloud, [choice.shape])
  if (room === undefined) return outOfCapacity
  const displayName =
    text(fields['displayName']) ?? `instance${new Date().toISOString().replaceAll(/\D/g, '').slice(0, 12)}`
  const order = deviceRequest(fields, choice, displayName)
  const device = createDevice(cloud.projectId, order, room[0], cloud.settings.createId('device'))
  device.plight = request.plight
  const vnic = fieldsOf(fields['createVnicDetails'])
  const details: Details = {
    compartmentId: String(fields['compartmentId']),
    displayName,
    faultDomain: text(fields['faultDomain']) ?? availabilityDomain.faultDomains[0] ?? '',
    freeformTags: stringsOf(fields['freeformTags']),
    definedTags: fieldsOf(fields['definedTags']),
    metadata: stringsOf(fields['metadata']),
    extendedMetadata: fieldsOf(fields['extendedMetadata']),
    shapeConfig: fieldsOf(fields['shapeConfig']),
    sourceDetails: { sourceType: 'image', imageId: choice.image.id, ...fieldsOf(fields['sourceDetails']) },
    launchOptions: fieldsOf(fields['launchOptions']),
    imageId: choice.image.id,
    subnetId: choice.subnetId,
    hasPublicIp: vnic['assignPublicIp'] !== false,
    hostnameLabel: text(vnic['hostnameLabel']) ?? text(fields['hostnameLabel']),
    ipxeScript: text(fields['ipxeScript']),
    retry,
  }
  const instance = { device, details }
  instances.add(instance)
  return instance
}
