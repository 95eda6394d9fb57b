// The Metal API as one function from request to answer, composed of layers.
import { metalFaults } from '../faults/fault-kinds.ts'
import { playFaults } from '../faults/fault-layer.ts'
import type { FaceParts } from '../face/face.ts'
import { addressRoutes } from './routes/address.ts'
import { accountRoutes } from './routes/account.ts'
import { apiKeyRoutes, requireToken } from './routes/api-key.ts'
import type { LabAnswer } from '../web/answer.ts'
import { batchRoutes } from './routes/batch.ts'
import { capacityRoutes } from './routes/capacity.ts'
import { catalogueRoutes } from './routes/catalogue.ts'
import { apiPrefix } from './views/catalogue.ts'
import { detailRoutes } from './routes/detail.ts'
import { deviceRoutes } from './routes/device.ts'
import { eventRoutes } from './routes/event.ts'
import { hardwareRoutes } from './routes/hardware.ts'
import { findRelation } from './find-relation.ts'
import { keyRoutes } from './routes/key.ts'
import { projectRoutes } from './routes/project.ts'
import { limitRate } from '../web/rate-limit.ts'
import { withRelations } from './relations.ts'
import { isElsewhere } from './routes/scope.ts'
import type { ApiRequest, Handler } from '../web/request.ts'
import { createRouter } from '../web/router.ts'
import { unimplementedRoutes } from './unimplemented.ts'

/** The parts of the API. */
export type MetalApiParts = Pick<FaceParts, 'cloud' | 'devices' | 'faults' | 'rateLimit'>

/** The API. Its paths begin after /metal/v1, and after / at api.packet.net. */
export function createMetalApi({ cloud, devices, faults, rateLimit }: MetalApiParts): Handler<LabAnswer> {
  const routes = [
    ...accountRoutes(cloud),
    ...projectRoutes(cloud),
    ...apiKeyRoutes(cloud),
    ...catalogueRoutes(cloud),
    ...capacityRoutes(cloud),
    ...hardwareRoutes(cloud),
    ...keyRoutes(cloud),
    ...deviceRoutes(cloud, devices),
    ...batchRoutes(cloud, devices),
    ...detailRoutes(cloud),
    ...addressRoutes(cloud),
    ...eventRoutes(cloud),
    ...unimplementedRoutes,
  ]
  const relationOf = (href: string, { projectId }: ApiRequest) =>
    isElsewhere(projectId, href.slice(apiPrefix.length), cloud) ? undefined : findRelation(href, cloud)
  const shaped = withRelations(relationOf, createRouter(routes))
  return requireToken(cloud, limitRate(rateLimit, playFaults(metalFaults, faults, shaped)))
}
