// An instance: a device of the lab with what only the Oracle API knows of it, which the device carries as `extra`.
import { createHash } from 'node:crypto'
import { z } from 'zod/mini'
import type { Device } from '../../cloud/device.ts'
import { regionName } from '../account/account.ts'
import { regionalOcid } from '../account/ocid.ts'
import { stateOf } from './state.ts'
import { availabilityDomain, network, shapes } from './stock.ts'

const tags = z.record(z.string(), z.string())
const anything = z.record(z.string(), z.unknown())

const detailsSchema = z.object({
  compartmentId: z.string(),
  displayName: z.string(),
  faultDomain: z.string(),
  freeformTags: tags,
  definedTags: anything,
  metadata: tags,
  extendedMetadata: anything,
  shapeConfig: anything,
  sourceDetails: anything,
  launchOptions: anything,
  imageId: z.optional(z.string()),
  ipxeScript: z.optional(z.string()),
  subnetId: z.string(),
  hasPublicIp: z.boolean(),
  hostnameLabel: z.optional(z.string()),
  /** The launch that made it, so that the same token gives the same instance. */
  retry: z.optional(z.object({ token: z.string(), digest: z.string() })),
})

/** What the API knows of an instance besides its device. */
export type Details = z.infer<typeof detailsSchema>

/** Reads the details of a device; undefined if another face made the device. */
export function readDetails({ extra }: Pick<Device, 'extra'>): Details | undefined {
  const parsed = detailsSchema.safeParse(extra)
  return parsed.success ? parsed.data : undefined
}

/** The etag of an answer: a digest of what it shows. */
export function etagOf(view: unknown): string {
  return createHash('sha256').update(JSON.stringify(view)).digest('hex')
}

/** An instance as the API shows it. */
export function instanceView(device: Device, details: Details): Record<string, unknown> {
  const { plan, createdAt } = device
  const shape = shapes.find(({ plan: { slug } }) => slug === plan.slug)
  const { imageId, ipxeScript } = details
  return {
    id: device.id,
    availabilityDomain: availabilityDomain.name,
    compartmentId: details.compartmentId,
    displayName: details.displayName,
    faultDomain: details.faultDomain,
    freeformTags: details.freeformTags,
    definedTags: details.definedTags,
    systemTags: {},
    ...(imageId === undefined ? {} : { imageId }),
    ...(ipxeScript === undefined ? {} : { ipxeScript }),
    launchMode: 'NATIVE',
    launchOptions: {
      bootVolumeType: 'ISCSI',
      firmware: 'UEFI_64',
      networkType: 'VFIO',
      remoteDataVolumeType: 'ISCSI',
      isPvEncryptionInTransitEnabled: false,
      isConsistentVolumeNamingEnabled: false,
      ...details.launchOptions,
    },
    instanceOptions: { areLegacyImdsEndpointsDisabled: false },
    lifecycleState: stateOf(device),
    metadata: details.metadata,
    extendedMetadata: details.extendedMetadata,
    region: regionName,
    shape: plan.slug,
    shapeConfig: {
      ocpus: shape?.ocpus,
      memoryInGBs: shape?.memoryInGBs,
      processorDescription: shape?.processor,
      ...details.shapeConfig,
    },
    sourceDetails: details.sourceDetails,
    agentConfig: { isMonitoringDisabled: false, isManagementDisabled: false, areAllPluginsDisabled: false },
    timeCreated: createdAt,
    timeMaintenanceRebootDue: null,
  }
}

/** The ids of an instance's network card and of its attachment. */
export function vnicIdsOf({ id }: Pick<Device, 'id'>): { vnicId: string; attachmentId: string } {
  return { vnicId: regionalOcid('vnic', id), attachmentId: regionalOcid('vnicattachment', id) }
}

/** The attachment of an instance's network card. */
export function vnicAttachmentView(device: Device, details: Details): Record<string, unknown> {
  const { vnicId, attachmentId } = vnicIdsOf(device)
  const state = stateOf(device)
  return {
    id: attachmentId,
    availabilityDomain: availabilityDomain.name,
    compartmentId: details.compartmentId,
    displayName: null,
    instanceId: device.id,
    lifecycleState: state === 'TERMINATED' ? 'DETACHED' : device.networked ? 'ATTACHED' : 'ATTACHING',
    nicIndex: 0,
    subnetId: details.subnetId,
    timeCreated: device.createdAt,
    // The card exists once the network is configured.
    ...(device.networked ? { vnicId } : {}),
  }
}

/** The last byte of an instance's addresses, from its id. */
function hostNumber(id: string): number {
  return 2 + (createHash('sha1').update(id).digest()[0] ?? 0) * (250 / 255)
}

/** The network card of an instance. Its public address is from a range reserved for documentation, and leads nowhere. */
export function vnicView(device: Device, details: Details): Record<string, unknown> {
  const number = Math.floor(hostNumber(device.id))
  return {
    id: vnicIdsOf(device).vnicId,
    availabilityDomain: availabilityDomain.name,
    compartmentId: details.compartmentId,
    displayName: details.displayName,
    hostnameLabel: details.hostnameLabel ?? null,
    isPrimary: true,
    lifecycleState: 'AVAILABLE',
    macAddress: device.macs[0].toUpperCase(),
    nsgIds: [],
    privateIp: `10.0.0.${number}`,
    publicIp: details.hasPublicIp ? `198.51.100.${number}` : null,
    skipSourceDestCheck: false,
    subnetId: details.subnetId,
    freeformTags: {},
    definedTags: {},
    timeCreated: device.createdAt,
    routeTableId: network.routeTableId,
  }
}
