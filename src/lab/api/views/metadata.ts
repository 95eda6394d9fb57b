// The metadata that a machine can request about itself: the service's JSON and its EC2-style tree of texts.
import { addressBlocks, addressViews } from './network.ts'
import { planView } from './catalogue.ts'
import { type Cloud, keyLinesOf } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { nameUuid } from '../../storage/name-uuid.ts'

/** The iSCSI name of a device. */
export function iqnOf(device: Device): string {
  return `iqn.${device.createdAt.slice(0, 7)}.net.packet:device.${device.shortId}`
}

/** The short id of the switch that a device is connected to. */
export function switchIdOf(device: Device): string {
  return nameUuid(`switch ${device.metro.code}`).slice(0, 8)
}

function commonFields(device: Device, cloud: Cloud) {
  const { slug, distro, version } = device.operatingSystem
  return {
    id: device.id,
    hostname: device.hostname,
    iqn: iqnOf(device),
    operating_system: { slug, distro, version, license_activation: { state: 'unlicensed' }, image_tag: null },
    plan: device.plan.slug,
    reserved: device.machine !== undefined,
    class: device.plan.slug,
    facility: device.facilityCode,
    metro: device.metro.code,
    private_subnets: ['10.0.0.0/8'],
    tags: device.tags,
    ssh_keys: keyLinesOf(cloud, device),
    customdata: device.customdata,
    specs: planView(device.plan, cloud.settings.catalogue).specs,
    switch_short_id: switchIdOf(device),
    volumes: [],
  }
}

/** The service bonded the interfaces of its servers. A machine of the inventory has them as they are; clients require the field. */
function bondingOf({ machine, macs: [mac] }: Device) {
  return machine === undefined
    ? { mode: 4, link_aggregation: 'bonded', mac }
    : { mode: 0, link_aggregation: 'individual', mac }
}

function interfacesOf({ machine, macs }: Device) {
  return macs.map((mac, index) => ({ name: `eth${index}`, mac, ...(machine === undefined ? { bond: 'bond0' } : {}) }))
}

/** A device's metadata as the API shows it (Metadata.yaml). */
export function describeMetadata(device: Device, cloud: Cloud) {
  const addresses = addressViews(device, cloud).map(({ address }) => address)
  return {
    ...commonFields(device, cloud),
    state: device.state,
    network: { addresses, interfaces: interfacesOf(device), network: { bonding: bondingOf(device) } },
  }
}

/** The metadata for the machine itself. `serviceUrl` is the metadata service's URL and `apiUrl` the API's, as the machine reaches them. */
export function metadataForMachine(device: Device, cloud: Cloud, serviceUrl: string, apiUrl: string) {
  return {
    ...commonFields(device, cloud),
    storage: {},
    boot_drive_hint: '',
    network: {
      bonding: bondingOf(device),
      interfaces: interfacesOf(device),
      addresses: addressViews(device, cloud),
      metal_gateways: [],
    },
    spot: {},
    api_url: apiUrl,
    phone_home_url: `${serviceUrl}/phone-home`,
    user_state_url: `${serviceUrl}/events`,
  }
}

/** A tree of texts. A branch is shown as a list of the names on it. */
export interface TextTree {
  readonly [name: string]: string | TextTree
}

function treeOf(device: Device, cloud: Cloud): TextTree {
  const first = (family: 4 | 6, isPublic: boolean) =>
    addressBlocks(device).find((block) => block.family === family && block.public === isPublic)?.address ?? ''
  const { slug, distro, version } = device.operatingSystem
  return {
    'meta-data': {
      'instance-id': device.id,
      hostname: device.hostname,
      'local-hostname': device.hostname,
      iqn: iqnOf(device),
      plan: device.plan.slug,
      facility: device.facilityCode,
      metro: device.metro.code,
      tags: device.tags.join('\n'),
      'operating-system': { slug, distro, version, license_activation: { state: 'unlicensed' }, image_tag: '' },
      'public-keys': keyLinesOf(cloud, device).join('\n'),
      'public-ipv4': first(4, true),
      'public-ipv6': first(6, true),
      'local-ipv4': first(4, false),
    },
    'user-data': device.userdata,
  }
}

/** The text at a path of the EC2-style tree; undefined if the path does not exist. `path` is '' for the root. */
export function findMetadataText(device: Device, cloud: Cloud, path: string): string | undefined {
  let node: string | TextTree | undefined = treeOf(device, cloud)
  for (const name of path.split('/').filter((part) => part !== '')) {
    node = typeof node === 'object' && Object.hasOwn(node, name) ? node[name] : undefined
  }
  return typeof node === 'object' ? Object.keys(node).join('\n') : node
}
