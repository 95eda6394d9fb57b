// What can be launched and where: shapes, images, availability domains, compartments, capacity. The identity API has the same host here.
import { countFree } from '../../cloud/capacity.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { isFields, requireQuery, withStruct } from '../wire/contract.ts'
import { isCompartment } from '../compute/launch.ts'
import { answerPage, filterViews, sortViews } from '../wire/paging.ts'
import { notFound, refuse } from '../wire/refusal.ts'
import { availabilityDomain, type OracleImage, images, network, type Shape, shapes } from '../compute/stock.ts'
import type { RouteParts } from './instance.ts'

function shapeView({ plan, processor, ocpus, memoryInGBs, isFlexible }: Shape): Record<string, unknown> {
  const isMetal = plan.slug.startsWith('BM.')
  return {
    shape: plan.slug,
    processorDescription: processor,
    ocpus,
    memoryInGBs,
    networkPorts: 1,
    networkingBandwidthInGbps: 50,
    maxVnicAttachments: 256,
    gpus: 0,
    gpuDescription: null,
    localDisks: 0,
    localDisksTotalSizeInGBs: null,
    localDiskDescription: null,
    isFlexible,
    // A stopped machine of one's own stays one's own.
    isBilledForStoppedInstance: isMetal,
    billingType: 'PAID',
    quotaNames: [`${plan.slug.replaceAll('.', '-').toLowerCase()}-core-count`],
  }
}

/** A platform image belongs to no compartment. */
function imageView({ id, name, system, createdAt }: OracleImage): Record<string, unknown> {
  return {
    id,
    compartmentId: null,
    displayName: name,
    operatingSystem: system.distro,
    operatingSystemVersion: system.version,
    lifecycleState: 'AVAILABLE',
    launchMode: 'NATIVE',
    listingType: null,
    createImageAllowed: true,
    sizeInMBs: 47_694,
    billableSizeInGBs: 12,
    freeformTags: {},
    definedTags: {},
    timeCreated: createdAt,
  }
}

/** Routes for what the cloud offers. */
export function stockRoutes({ account, instances }: RouteParts): Route[] {
  const { tenancyId, compartmentId } = account
  const inCompartment = (request: RoutedRequest, struct: string, answer: () => LabAnswer): LabAnswer =>
    requireQuery(request, struct, () =>
      isCompartment(request.query.get('compartmentId'), account) ? answer() : notFound,
    )

  const listShapes = (request: RoutedRequest): LabAnswer =>
    inCompartment(request, 'ListShapesRequest', () => {
      const { query } = request
      const place = query.get('availabilityDomain')
      if (place !== null && place !== availabilityDomain.name) return notFound
      const image = images.find(({ id }) => id === query.get('imageId'))
      if (query.has('imageId') && image === undefined) return notFound
      const fitting = shapes.filter(({ plan }) => image === undefined || plan.arch === image.arch)
      return answerPage(filterViews(fitting.map(shapeView), query, ['shape']), query)
    })

  const listImages = (request: RoutedRequest): LabAnswer =>
    inCompartment(request, 'ListImagesRequest', () => {
      const { query } = request
      const name = query.get('shape')
      const shape = shapes.find(({ plan }) => plan.slug === name)
      const fitting = images.filter(({ arch }) => name === null || arch === shape?.plan.arch).map(imageView)
      const fields = ['displayName', 'operatingSystem', 'operatingSystemVersion', 'lifecycleState']
      return answerPage(sortViews(filterViews(fitting, query, fields), query), query)
    })

  const listDomains = (request: RoutedRequest): LabAnswer =>
    inCompartment(request, 'ListAvailabilityDomainsRequest', () => {
      const { id, name } = availabilityDomain
      return { status: 200, json: [{ id, name, compartmentId: request.query.get('compartmentId') }] }
    })

  /** The compartments below one: the root has one, which has none. */
  const listCompartments = (request: RoutedRequest): LabAnswer =>
    inCompartment(request, 'ListCompartmentsRequest', () => {
      const { query } = request
      const child = {
        id: compartmentId,
        compartmentId: tenancyId,
        name: 'lab',
        description: 'The compartment of metalkit lab',
        lifecycleState: 'ACTIVE',
        isAccessible: true,
        freeformTags: {},
        definedTags: {},
        timeCreated: network.createdAt,
      }
      const children = query.get('compartmentId') === tenancyId ? [child] : []
      return answerPage(filterViews(children, query, ['name', 'lifecycleState']), query)
    })

  /** The report is about the root compartment, always. */
  const reportCapacity = (request: RoutedRequest): LabAnswer =>
    withStruct(request, 'CreateComputeCapacityReportDetails', (fields) => {
      if (fields['compartmentId'] !== tenancyId) return notFound
      if (fields['availabilityDomain'] !== availabilityDomain.name) {
        return refuse('InvalidParameter', 'availabilityDomain is not valid')
      }
      const requests = Array.isArray(fields['shapeAvailabilities'])
        ? fields['shapeAvailabilities'].filter(isFields)
        : []
      const shapeAvailabilities = requests.map(({ instanceShape, faultDomain = null, instanceShapeConfig = null }) => {
        const shape = shapes.find(({ plan }) => plan.slug === instanceShape)
        const free = shape === undefined ? 0 : countFree(instances.cloud, shape.plan)
        return {
          instanceShape,
          faultDomain,
          instanceShapeConfig,
          availabilityStatus:
            shape === undefined ? 'HARDWARE_NOT_SUPPORTED' : free > 0 ? 'AVAILABLE' : 'OUT_OF_HOST_CAPACITY',
          availableCount: free,
        }
      })
      return {
        status: 200,
        json: {
          compartmentId: tenancyId,
          availabilityDomain: availabilityDomain.name,
          shapeAvailabilities,
          timeCreated: new Date().toISOString(),
        },
      }
    })

  return [
    ['GET /shapes', listShapes],
    ['GET /images', listImages],
    [
      'GET /images/{id}',
      ({ parameters: [id] }) => {
        const image = images.find((each) => each.id === id)
        return image === undefined ? notFound : { status: 200, json: imageView(image) }
      },
    ],
    ['GET /availabilityDomains', listDomains],
    ['GET /compartments', listCompartments],
    ['POST /computeCapacityReports', reportCapacity],
  ]
}
