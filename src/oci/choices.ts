// What a launch needs: compartment, availability domain, shape, subnet and image, from flags, or from the API if it offers
// one choice. Nothing is created.
import { randomUUID } from 'node:crypto'
import { ApiError, UsageError } from '../errors.ts'
import type { Reporter } from '../io.ts'
import type { Wish } from '../machine/cloud.ts'
import { nearest } from '../text/nearest.ts'
import type { OciClient } from './client.ts'
import type { LaunchInput, Shape } from './schema.ts'

/** The values of flags; undefined for a value that the API is asked for. */
export interface Chosen {
  subnet?: string | undefined
  image?: string | undefined
}

/** A launch, but for its name, marks and script. */
export type Site = Pick<
  LaunchInput,
  'availabilityDomain' | 'compartmentId' | 'shape' | 'shapeConfig' | 'sourceDetails' | 'createVnicDetails'
> & {
  /** Whether a machine that is switched off costs as much as one that runs; undefined if the API does not say. */
  isBilledWhenStopped: boolean | undefined
}

/** What may be chosen: its value, and a name for people. */
interface Choice {
  value: string
  title?: string | null | undefined
}

const maxListed = 12

/** The only choice. @throws UsageError that lists the choices */
function chooseOnly(what: string, flag: string, choices: readonly Choice[], none: string): string {
  const [first] = choices
  if (first === undefined) throw new UsageError(`there is no ${what} to choose`, { hint: none })
  if (choices.length === 1) return first.value
  const shown = choices.slice(0, maxListed).map(({ value, title }) => (title ? `${value} (${title})` : value))
  const more = choices.length > maxListed ? ` and ${choices.length - maxListed} more` : ''
  throw new UsageError(`there are ${choices.length} ${what}s to choose from`, {
    hint: `name one with --${flag}: ${shown.join(', ')}${more}`,
  })
}

/** The compartment of --compartment; otherwise the tenancy, unless it has compartments. */
export async function chooseCompartment(
  client: OciClient,
  tenancy: string,
  compartment: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  if (compartment !== undefined) return compartment
  const inner = await client.listCompartments(tenancy, signal)
  const choices = [
    { value: tenancy, title: 'the tenancy' },
    ...inner.map(({ id, name }) => ({ value: id, title: name })),
  ]
  return chooseOnly('compartment', 'compartment', choices, 'name one with --compartment')
}

async function chooseDomain(client: OciClient, tenancy: string, place: string | undefined, signal: AbortSignal) {
  const domains = (await client.listAvailabilityDomains(tenancy, signal)).map(({ name }) => name)
  if (place === undefined) {
    const choices = domains.map((value) => ({ value }))
    return chooseOnly('availability domain', 'availability-domain', choices, 'name one with --availability-domain')
  }
  // Names begin with a prefix of the tenancy, which people leave out: Uocm:PHX-AD-1.
  const fitting = domains.find((name) => name === place || name.split(':').at(-1) === place)
  if (fitting !== undefined) return fitting
  throw new UsageError(`there is no availability domain "${place}"`, {
    hint: `name one with --availability-domain: ${domains.join(', ')}`,
  })
}

function chooseShape(shapes: readonly Shape[], plan: string | undefined): Shape {
  const metal = shapes.filter(({ shape }) => shape.startsWith('BM.'))
  const name =
    plan ??
    chooseOnly(
      'bare metal shape',
      'machine',
      metal.map(({ shape }) => ({ value: shape })),
      'the availability domain has no bare metal: name another one',
    )
  const listed = shapes.find(({ shape }) => shape === name)
  if (listed !== undefined) return listed
  const near = nearest(
    name,
    shapes.map(({ shape }) => shape),
  )
  throw new UsageError(`the availability domain has no shape "${name}"`, {
    hint: near.length === 0 ? 'name another domain' : `name one with --machine: ${near.join(', ')}`,
  })
}

async function chooseSubnet(
  client: OciClient,
  compartment: string,
  domain: string,
  id: string | undefined,
  signal: AbortSignal,
) {
  if (id !== undefined) return await client.getSubnet(id, signal)
  const subnets = (await client.listSubnets(compartment, signal)).filter(
    ({ availabilityDomain }) => !availabilityDomain || availabilityDomain === domain,
  )
  const none = 'create a VCN with a subnet whose route table leads to the base URL, or name a subnet with --subnet'
  const choices = subnets.map((subnet) => ({ value: subnet.id, title: subnet.displayName }))
  const only = chooseOnly('subnet', 'subnet', choices, none)
  return subnets.find((subnet) => subnet.id === only) ?? (await client.getSubnet(only, signal))
}

/** The newest image for a shape: a launch needs one, and the machine does not boot it. Windows would cost a licence. */
async function chooseImage(
  client: OciClient,
  compartment: string,
  shape: string,
  id: string | undefined,
  signal: AbortSignal,
) {
  if (id !== undefined) return id
  const images = await client.listImages(compartment, shape, signal)
  const [newest] = images.filter(({ operatingSystem }) => !/windows/i.test(operatingSystem))
  if (newest !== undefined) return newest.id
  throw new UsageError(`there is no image for the shape "${shape}" without a licence fee`, {
    hint: 'name one with --image; the machine does not boot it, but Oracle Cloud needs one',
  })
}

/** @throws ApiError if there is certainly no free machine */
async function checkCapacity(
  client: OciClient,
  tenancy: string,
  { availabilityDomain, shape, shapeConfig }: Pick<Site, 'availabilityDomain' | 'shape' | 'shapeConfig'>,
  report: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const wanted = { instanceShape: shape, ...(shapeConfig && { instanceShapeConfig: shapeConfig }) }
  const input = { compartmentId: tenancy, availabilityDomain, shapeAvailabilities: [wanted] }
  const answer = await client.reportCapacity(input, randomUUID(), signal).catch((error: unknown) => {
    if (!(error instanceof ApiError)) throw error
    // The report only helps: the launch itself fails without a free machine.
    report.detail(`cannot check whether there is a free machine: ${error.message}`)
    return undefined
  })
  const status = answer?.shapeAvailabilities[0]?.availabilityStatus
  if (!status || status === 'AVAILABLE') return
  const why =
    status === 'OUT_OF_HOST_CAPACITY'
      ? `there is no free machine of the shape "${shape}" in ${availabilityDomain} now`
      : `the shape "${shape}" is not available in ${availabilityDomain} (${status})`
  throw new ApiError(why, { layer: 'oci', hint: 'try another --availability-domain or --machine, or later' })
}

/** The size of a machine of a flexible shape: enough for an image that runs from memory. */
const flexible = { ocpus: 1, memoryInGBs: 8 }

/**
 * Completes a launch.
 * @throws UsageError that lists the choices if there are several; ApiError if there is no free machine
 */
export async function chooseSite(
  client: OciClient,
  { tenancy, compartment: compartmentId }: { tenancy: string; compartment: string },
  wish: Wish,
  chosen: Chosen,
  report: Reporter,
  signal: AbortSignal,
): Promise<Site> {
  const availabilityDomain = await chooseDomain(client, tenancy, wish.place, signal)
  const [shapes, subnet] = await Promise.all([
    client.listShapes(compartmentId, availabilityDomain, signal),
    chooseSubnet(client, compartmentId, availabilityDomain, chosen.subnet, signal),
  ])
  const { shape, isFlexible, isBilledForStoppedInstance } = chooseShape(shapes, wish.plan)
  const shapeConfig = isFlexible ? { shapeConfig: flexible } : {}
  const [imageId] = await Promise.all([
    chooseImage(client, compartmentId, shape, chosen.image, signal),
    checkCapacity(client, tenancy, { availabilityDomain, shape, ...shapeConfig }, report, signal),
  ])
  report.detail(`compartment ${compartmentId}, subnet ${subnet.id}, image ${imageId}`)
  return {
    compartmentId,
    availabilityDomain,
    shape,
    ...shapeConfig,
    sourceDetails: { sourceType: 'image', imageId },
    createVnicDetails: { subnetId: subnet.id, assignPublicIp: subnet.prohibitPublicIpOnVnic !== true },
    isBilledWhenStopped: isBilledForStoppedInstance ?? undefined,
  }
}
