// What the Latitude.sh of a lab offers: its plans in sizes that suit one computer, its sites and some of its operating systems.
import type { Arch } from '../../../arch.ts'
import { type Catalogue, type Metro, type OperatingSystem, type Plan } from '../../cloud/catalogue.ts'

function plan(slug: string, cpus: number, memoryGib: number, arch: Arch = 'x86_64'): Plan {
  return { slug, aliases: [], arch, cpus, memoryMib: memoryGib * 1024 }
}

/** The slugs of the specification of 2026-07-16; only the GH200 is an arm64 machine. */
const plans: readonly Plan[] = [
  plan('c2-small-x86', 1, 1),
  plan('c2-medium-x86', 1, 1),
  plan('c2-large-x86', 2, 2),
  plan('c3-small-x86', 1, 1),
  plan('c3-medium-x86', 2, 2),
  plan('c3-large-x86', 2, 2),
  plan('c3-xlarge-x86', 2, 4),
  plan('g3-gh200', 2, 2, 'aarch64'),
  plan('g3-small-x86', 2, 2),
  plan('g3-medium-x86', 2, 2),
  plan('g3-large-x86', 2, 4),
  plan('g3-xlarge-x86', 2, 4),
  plan('g4-rtx6kpro-large', 2, 4),
  plan('m3-large-x86', 2, 4),
  plan('m4-metal-small', 1, 2),
  plan('m4-metal-large', 2, 4),
  plan('rs4-metal-xlarge', 2, 4),
  plan('s2-small-x86', 1, 1),
  plan('s3-large-x86', 2, 4),
]

function system(slug: string, name: string): OperatingSystem {
  const [distro = '', ...version] = slug.replace(/_x64.*/, '').split('_')
  return { slug, name, distro, version: version.join('.') }
}

const operatingSystems: readonly OperatingSystem[] = [
  { slug: 'custom_ipxe', name: 'iPXE', distro: 'ipxe', version: '' },
  system('debian_11', 'Debian 11'),
  system('debian_12', 'Debian 12'),
  system('rockylinux_8', 'Rocky Linux 8'),
  system('ubuntu_22_04_x64_lts', 'Ubuntu 22.04 LTS'),
  system('ubuntu_24_04_x64_lts', 'Ubuntu 24.04 LTS'),
]

const sites: readonly (readonly [slug: string, city: string, country: string])[] = [
  ['ASH', 'Ashburn', 'United States'],
  ['BUE', 'Buenos Aires', 'Argentina'],
  ['CHI', 'Chicago', 'United States'],
  ['DAL', 'Dallas', 'United States'],
  ['FRA', 'Frankfurt', 'Germany'],
  ['LAX', 'Los Angeles', 'United States'],
  ['LON', 'London', 'United Kingdom'],
  ['MEX', 'Mexico City', 'Mexico'],
  ['MEX2', 'Mexico City 2', 'Mexico'],
  ['MIA', 'Miami', 'United States'],
  ['MIA2', 'Miami 2', 'United States'],
  ['NYC', 'New York', 'United States'],
  ['SAO', 'S\u00e3o Paulo', 'Brazil'],
  ['SAO2', 'S\u00e3o Paulo 2', 'Brazil'],
  ['SGP', 'Singapore', 'Singapore'],
  ['SYD', 'Sydney', 'Australia'],
  ['TYO', 'Tokyo', 'Japan'],
  ['TYO2', 'Tokyo 2', 'Japan'],
]

const metros: readonly Metro[] = sites.map(([slug, name, country]) => {
  const code = slug.toLowerCase()
  return { code, name, country, address: 'this computer' }
})

/** The catalogue. The code of a metro is the slug of its site in small letters. */
export const latitudeCatalogue: Catalogue = {
  plans,
  operatingSystems,
  metros,
  facilities: metros.map((metro) => ({ code: metro.code, metro })),
}

/** The slug of a site. */
export function siteOf({ code }: Pick<Metro, 'code'>): string {
  return code.toUpperCase()
}

/** The slug of an operating system on the wire. */
export function systemSlug({ slug }: Pick<OperatingSystem, 'slug'>): string {
  return slug === 'custom_ipxe' ? 'ipxe' : slug
}
