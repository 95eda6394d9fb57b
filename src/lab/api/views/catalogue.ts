// Plans, operating systems and locations on the wire (Plan.yaml, OperatingSystem.yaml, Metro.yaml, Facility.yaml).
import {
  type Catalogue,
  facilityId,
  type Metro,
  metroId,
  type OperatingSystem,
  operatingSystemId,
  type Plan,
  planId,
} from '../../cloud/catalogue.ts'

/** The beginning of every href. */
export const apiPrefix = '/metal/v1'

/** `{href}` of a path under the API. */
export function hrefOf(path: string): { href: string } {
  return { href: `${apiPrefix}${path}` }
}

/** A metro. */
export function metroView(metro: Metro) {
  return { id: metroId(metro), code: metro.code, name: metro.name, country: metro.country }
}

/** A facility of a metro. */
export function facilityView(code: string, metro: Metro) {
  return {
    id: facilityId({ code }),
    name: `${metro.name} ${code.slice(metro.code.length)}`,
    code,
    features: ['baremetal', 'ibx'],
    ip_ranges: [],
    address: { address: metro.address, city: metro.name, zip_code: '0', country: metro.country },
    metro: metroView(metro),
  }
}

const free = { price: { hour: 0 } }

/** Places in every plan's view, by catalogue: computing their ids for each device of a list would be slow. */
const everywhere = new WeakMap<Catalogue, ReturnType<typeof placesOf>>()

function placesOf({ facilities, metros }: Catalogue) {
  return {
    available_in: facilities.map((facility) => ({ ...hrefOf(`/facilities/${facilityId(facility)}`), ...free })),
    available_in_metros: metros.map((metro) => ({ ...hrefOf(`/locations/metros/${metroId(metro)}`), ...free })),
  }
}

function describePlan({ slug, specs }: Plan): string {
  if (specs === undefined) return `${slug}, played by the lab`
  const words = [specs.cpu, specs.memory].filter((text) => text !== undefined)
  return words.length === 0 ? slug : words.join(', ')
}

/** The size of the lab's machine, or the words for hardware. */
function specsView({ arch, cpus, memoryMib, specs }: Plan) {
  const type = arch === 'aarch64' ? 'ARMv8 64-bit' : 'x86 64-bit'
  const isHardware = specs !== undefined
  return {
    cpus: [{ count: isHardware ? 1 : cpus, type: specs?.cpu ?? type }],
    memory: isHardware
      ? specs.memory === undefined
        ? {}
        : { total: specs.memory }
      : { total: `${memoryMib / 1024}GB` },
    drives: [],
    nics: isHardware ? [] : [{ count: 2, type: '1Gbps' }],
    features: { raid: false, txt: false, uefi: arch === 'aarch64' },
  }
}

/** A plan, available in every metro. */
export function planView(plan: Plan, catalogue: Catalogue) {
  const places = everywhere.get(catalogue) ?? placesOf(catalogue)
  everywhere.set(catalogue, places)
  return {
    id: planId(plan),
    slug: plan.slug,
    name: plan.slug,
    description: describePlan(plan),
    line: 'baremetal',
    legacy: false,
    class: plan.slug,
    type: 'standard',
    categories: ['compute'],
    deployment_types: plan.specs === undefined ? ['on_demand', 'spot_market'] : ['on_demand'],
    specs: specsView(plan),
    ...places,
    pricing: { hour: 0 },
  }
}

/** An operating system. `provisionable_on` names all plans, because the lab accepts every system on every plan. */
export function operatingSystemView(system: OperatingSystem, { plans }: Pick<Catalogue, 'plans'>) {
  return {
    id: operatingSystemId(system),
    slug: system.slug,
    name: system.name,
    distro: system.distro,
    version: system.version,
    preinstallable: false,
    licensed: false,
    pricing: {},
    provisionable_on: plans.map((plan) => plan.slug),
  }
}
