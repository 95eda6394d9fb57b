// What a lab offers as an Oracle cloud: shapes in sizes that suit one computer, platform images, one availability domain, one network.
import type { Arch } from '../../../arch.ts'
import { type Catalogue, type OperatingSystem, type Plan } from '../../cloud/catalogue.ts'
import { regionName } from '../account/account.ts'
import { globalOcid, regionalOcid } from '../account/ocid.ts'

/** A shape as the API shows it, and the lab's plan for it. */
export interface Shape {
  plan: Plan
  processor: string
  ocpus: number
  memoryInGBs: number
  isFlexible: boolean
}

/** Names, processors and sizes are Oracle's; the lab's machines are smaller. */
function shape(name: string, arch: Arch, processor: string, ocpus: number, memoryInGBs: number, cpus = 1): Shape {
  return {
    plan: { slug: name, aliases: [], arch, cpus, memoryMib: cpus * 1024, tty: 'ttyS0' },
    processor,
    ocpus,
    memoryInGBs,
    isFlexible: name.endsWith('.Flex'),
  }
}

/** The shapes. */
export const shapes: readonly Shape[] = [
  shape('BM.Standard.E4.128', 'x86_64', '2.55 GHz AMD EPYC\u2122 7J13 (Milan)', 128, 2048, 2),
  shape('BM.Standard.E5.192', 'x86_64', '2.4 GHz AMD EPYC\u2122 9J14 (Genoa)', 192, 2304, 2),
  shape('BM.Standard3.64', 'x86_64', '2.6 GHz Intel\u00ae Xeon\u00ae Platinum 8358 (Ice Lake)', 64, 1024, 2),
  shape('BM.Standard2.52', 'x86_64', '2.0 GHz Intel\u00ae Xeon\u00ae Platinum 8167M (Skylake)', 52, 768),
  shape('BM.Optimized3.36', 'x86_64', '3.0 GHz Intel\u00ae Xeon\u00ae 6354 (Ice Lake)', 36, 512),
  shape('BM.DenseIO.E4.128', 'x86_64', '2.55 GHz AMD EPYC\u2122 7J13 (Milan)', 128, 2048, 2),
  shape('BM.Standard.A1.160', 'aarch64', '3.0 GHz Ampere\u00ae Altra\u2122', 160, 1024, 2),
  shape('VM.Standard.E4.Flex', 'x86_64', '2.55 GHz AMD EPYC\u2122 7J13 (Milan)', 1, 16),
  shape('VM.Standard.A1.Flex', 'aarch64', '3.0 GHz Ampere\u00ae Altra\u2122', 1, 6, 2),
]

/** A platform image. Only simulated machines can boot one; with an iPXE script the image is not booted. */
export interface OracleImage {
  id: string
  name: string
  system: OperatingSystem
  arch: Arch
  /** RFC 3339. */
  createdAt: string
}

function image(system: string, version: string, day: string, arch: Arch): OracleImage {
  const name = `${system.replaceAll(' ', '-')}-${version}${arch === 'aarch64' ? '-aarch64' : ''}-${day.replaceAll('-', '.')}-0`
  return {
    id: regionalOcid('image', name),
    name,
    system: { slug: name, name: `${system} ${version}`, distro: system, version },
    arch,
    createdAt: `${day}T16:05:21.000Z`,
  }
}

/** The images, newest first. */
export const images: readonly OracleImage[] = [
  image('Oracle Linux', '9', '2026-10-31', 'x86_64'),
  image('Oracle Linux', '9', '2026-10-31', 'aarch64'),
  image('Canonical Ubuntu', '24.04', '2026-10-23', 'x86_64'),
  image('Canonical Ubuntu', '24.04', '2026-10-23', 'aarch64'),
  image('Oracle Linux', '9', '2026-09-30', 'x86_64'),
  image('Oracle Linux', '8', '2026-09-30', 'x86_64'),
]

/** The one availability domain, and its fault domains. */
export const availabilityDomain = {
  id: globalOcid('availabilitydomain', regionName),
  name: `mKLb:${regionName.toUpperCase()}-AD-1`,
  faultDomains: ['FAULT-DOMAIN-1', 'FAULT-DOMAIN-2', 'FAULT-DOMAIN-3'],
}

/** The network and its subnet, with the times of the tenancy's own. */
export const network = {
  vcnId: regionalOcid('vcn', 'lab'),
  subnetId: regionalOcid('subnet', 'lab'),
  routeTableId: regionalOcid('routetable', 'lab'),
  securityListId: regionalOcid('securitylist', 'lab'),
  dhcpOptionsId: regionalOcid('dhcpoptions', 'lab'),
  createdAt: '2026-01-15T09:30:00.000Z',
}

const metro = {
  code: regionName,
  name: 'US West (San Jose)',
  country: 'US',
  address: 'this computer',
}

/** The system of a machine that boots an iPXE script. */
export const scriptSystem: OperatingSystem = {
  slug: 'custom_ipxe',
  name: 'iPXE script',
  distro: 'custom_ipxe',
  version: '1',
}

/** The catalogue of the devices: each shape is a plan, the region a metro, each image an operating system. */
export const ociCatalogue: Catalogue = {
  plans: shapes.map(({ plan }) => plan),
  operatingSystems: [scriptSystem, ...images.map(({ system }) => system)],
  metros: [metro],
  facilities: [{ code: availabilityDomain.name, metro }],
}
