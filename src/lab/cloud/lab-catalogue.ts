// What a lab offers: plans whose sizes suit one computer, and the operating systems, metros and facilities of the service.
import { facilitiesOfMetro, metroCodes } from '../../metal/locations.ts'
import type { Arch } from '../../arch.ts'
import { type Catalogue, type Facility, type Metro, type OperatingSystem, type Plan } from './catalogue.ts'

function plan(slug: string, arch: Arch, cpus: number, memoryGib: number, ...aliases: string[]): Plan {
  return { slug, aliases, arch, cpus, memoryMib: memoryGib * 1024 }
}

/** Slugs and aliases as in the service's legacy documentation; x1.small.x86 for baremetal_1e is inferred. */
const plans: readonly Plan[] = [
  plan('t1.small.x86', 'x86_64', 1, 1, 'baremetal_0'),
  plan('c1.small.x86', 'x86_64', 1, 1, 'baremetal_1'),
  plan('x1.small.x86', 'x86_64', 1, 1, 'baremetal_1e'),
  plan('m1.xlarge.x86', 'x86_64', 2, 4, 'baremetal_2'),
  plan('c1.xlarge.x86', 'x86_64', 2, 2, 'baremetal_3'),
  plan('s1.large.x86', 'x86_64', 2, 2, 'baremetal_s'),
  plan('c2.medium.x86', 'x86_64', 2, 2),
  plan('c3.small.x86', 'x86_64', 1, 1),
  plan('c3.medium.x86', 'x86_64', 2, 2),
  plan('m3.small.x86', 'x86_64', 1, 2),
  plan('m3.large.x86', 'x86_64', 2, 4),
  plan('s3.xlarge.x86', 'x86_64', 2, 4),
  plan('n2.xlarge.x86', 'x86_64', 2, 4),
  plan('n3.xlarge.x86', 'x86_64', 2, 4),
  plan('m2.xlarge.x86', 'x86_64', 2, 4),
  plan('x2.xlarge.x86', 'x86_64', 2, 4),
  plan('c1.large.arm', 'aarch64', 2, 1, 'baremetal_2a'),
  plan('c1.large.arm.xda', 'aarch64', 2, 2, 'baremetal_2a2'),
  plan('c2.large.arm', 'aarch64', 2, 2, 'baremetal_2a4', 'baremetal_2a5', 'baremetal_hua'),
  plan('c2.large.anbox', 'aarch64', 2, 2),
  plan('c3.large.arm', 'aarch64', 2, 2),
  plan('c3.large.arm64', 'aarch64', 2, 2),
  plan('x.large.arm', 'aarch64', 2, 2),
]

function system(slug: string, name: string): OperatingSystem {
  const [distro = '', ...version] = slug.split('_')
  return { slug, name, distro, version: version.join(distro === 'ubuntu' ? '.' : '_') }
}

/**
 * The slugs that official examples and tests use. QEMU's machines boot only custom_ipxe: a device with any other system fails.
 * Simulated machines simulate all of them.
 */
const operatingSystems: readonly OperatingSystem[] = [
  { slug: 'custom_ipxe', name: 'Custom iPXE', distro: 'custom_ipxe', version: '1' },
  system('alpine_3', 'Alpine 3'),
  system('coreos_stable', 'CoreOS Stable'),
  system('debian_10', 'Debian 10'),
  system('debian_11', 'Debian 11'),
  system('debian_12', 'Debian 12'),
  system('flatcar_alpha', 'Flatcar Alpha'),
  system('flatcar_beta', 'Flatcar Beta'),
  system('flatcar_lts', 'Flatcar LTS'),
  system('flatcar_stable', 'Flatcar Stable'),
  system('rocky_8', 'Rocky Linux 8'),
  system('rocky_9', 'Rocky Linux 9'),
  system('ubuntu_16_04', 'Ubuntu 16.04 LTS'),
  system('ubuntu_18_04', 'Ubuntu 18.04 LTS'),
  system('ubuntu_20_04', 'Ubuntu 20.04 LTS'),
  system('ubuntu_22_04', 'Ubuntu 22.04 LTS'),
  system('ubuntu_24_04', 'Ubuntu 24.04 LTS'),
]

const metroNames: Readonly<Record<string, readonly [name: string, country: string]>> = {
  am: ['Amsterdam', 'NL'],
  at: ['Atlanta', 'US'],
  ch: ['Chicago', 'US'],
  da: ['Dallas', 'US'],
  dc: ['Washington DC', 'US'],
  fr: ['Frankfurt', 'DE'],
  hk: ['Hong Kong', 'HK'],
  la: ['Los Angeles', 'US'],
  ld: ['London', 'GB'],
  md: ['Madrid', 'ES'],
  ny: ['New York', 'US'],
  pa: ['Paris', 'FR'],
  se: ['Seattle', 'US'],
  sg: ['Singapore', 'SG'],
  sl: ['Seoul', 'KR'],
  sv: ['Silicon Valley', 'US'],
  sy: ['Sydney', 'AU'],
  ty: ['Tokyo', 'JP'],
}

/** All metros of the wire contract's fixtures. If a metro's name is unknown, its code in capitals stands in. */
const metros: readonly Metro[] = metroCodes.map((code) => {
  const [name, country] = metroNames[code] ?? [code.toUpperCase(), 'US']
  return { code, name, country, address: 'this computer' }
})

/** Facilities that the tests and examples of clients name, in addition to the wire contract's. */
const namedFacilities: Readonly<Record<string, readonly string[]>> = { dc: ['dc10'], fr: ['fr2'], sv: ['sv16'] }

/** A metro's facilities, at least one; its machines are in the first. */
function facilitiesOf(metro: Metro): Facility[] {
  const known = [...facilitiesOfMetro(metro.code), ...(namedFacilities[metro.code] ?? [])]
  return (known.length > 0 ? known : [`${metro.code}1`]).map((code) => ({ code, metro }))
}

/** The catalogue of every lab. */
export const labCatalogue: Catalogue = { plans, operatingSystems, metros, facilities: metros.flatMap(facilitiesOf) }
