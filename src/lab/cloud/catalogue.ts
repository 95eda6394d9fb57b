// What a cloud offers: plans, operating systems, metros and their facilities.
import type { Arch } from '../../arch.ts'
import { nameUuid } from '../storage/name-uuid.ts'

/** A plan. `aliases` are older slugs that the API still accepts. */
export interface Plan {
  slug: string
  aliases: readonly string[]
  arch: Arch
  /** Size of the lab's machine, not of the real server; 0 for hardware, whose size is in `specs`. */
  cpus: number
  memoryMib: number
  /** The serial console of its x86_64 machines, by its name in Linux; by default ttyS1. */
  tty?: 'ttyS0' | 'ttyS1' | undefined
  /** Processor and memory of hardware, in words for people. */
  specs?: { cpu?: string | undefined; memory?: string | undefined }
}

/** An operating system that a client can request. */
export interface OperatingSystem {
  slug: string
  name: string
  distro: string
  version: string
}

/** A metro; `id` is a UUID. */
export interface Metro {
  code: string
  name: string
  country: string
  /** Street address of its facilities. */
  address: string
}

/** A facility and its metro. */
export interface Facility {
  code: string
  metro: Metro
}

/** All that a cloud offers. Each metro has a facility; its machines are in the first. */
export interface Catalogue {
  plans: readonly Plan[]
  operatingSystems: readonly OperatingSystem[]
  metros: readonly Metro[]
  facilities: readonly Facility[]
}

/** The id of a plan. */
export function planId({ slug }: Pick<Plan, 'slug'>): string {
  return nameUuid(`plan ${slug}`)
}

/** Finds a plan by slug, alias or id. */
export function findPlan({ plans }: Pick<Catalogue, 'plans'>, name: string): Plan | undefined {
  return plans.find(({ slug, aliases }) => slug === name || aliases.includes(name) || planId({ slug }) === name)
}

/** The id of an operating system. */
export function operatingSystemId({ slug }: Pick<OperatingSystem, 'slug'>): string {
  return nameUuid(`operating system ${slug}`)
}

/** Finds an operating system by slug or id. */
export function findOperatingSystem(
  { operatingSystems }: Pick<Catalogue, 'operatingSystems'>,
  name: string,
): OperatingSystem | undefined {
  return operatingSystems.find(({ slug }) => slug === name || operatingSystemId({ slug }) === name)
}

/** The id of a metro. */
export function metroId({ code }: Pick<Metro, 'code'>): string {
  return nameUuid(`metro ${code}`)
}

/** Finds a metro by id, or by code in upper or lower case; "any" is the first metro. */
export function findMetro({ metros }: Pick<Catalogue, 'metros'>, metro: string): Metro | undefined {
  const name = metro.toLowerCase()
  return name === 'any' ? metros[0] : metros.find(({ code }) => code === name || metroId({ code }) === name)
}

/** The id of a facility. */
export function facilityId({ code }: Pick<Facility, 'code'>): string {
  return nameUuid(`facility ${code}`)
}

/** Finds a facility by code or id. */
export function findFacility({ facilities }: Pick<Catalogue, 'facilities'>, name: string): Facility | undefined {
  return facilities.find((facility) => facility.code === name || facilityId(facility) === name)
}

/** The facility of a metro's machines. */
export function facilityOf({ facilities }: Pick<Catalogue, 'facilities'>, metro: Metro): string {
  return facilities.find((facility) => facility.metro.code === metro.code)?.code ?? `${metro.code}1`
}
