// The API as one function from request to answer, made of layers.
import type { Cloud } from '../cloud.ts'
import type { Device } from '../device.ts'
import type { FaultPlan } from '../faults.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { createPageHandler, isPagePath } from '../page/page-routes.ts'
import { isSameSecret } from '../secret.ts'
import { accountRoutes } from './account-routes.ts'
import { unauthorized } from './answer.ts'
import type { Answer } from './answer.ts'
import { batchRoutes } from './batch-routes.ts'
import { capacityRoutes } from './capacity-routes.ts'
import { catalogueRoutes } from './catalogue-routes.ts'
import { apiPrefix } from './catalogue-view.ts'
import { detailRoutes } from './detail-routes.ts'
import { controlRoutes } from './control-routes.ts'
import { deviceRoutes } from './device-routes.ts'
import { eventRoutes } from './event-routes.ts'
import { faultRoutes, playFaults } from './fault-layer.ts'
import { findRelation } from './find-relation.ts'
import { keyRoutes } from './key-routes.ts'
import { machineRoutes, type ScriptOf } from './machine-routes.ts'
import { limitRate } from './rate-limit.ts'
import type { RateLimit } from './rate-limit.ts'
import { withRelations } from './relations.ts'
import type { Handler } from './request.ts'
import { createRouter } from './router.ts'
import { unimplementedRoutes } from './unimplemented.ts'

/** Lets through what carries the token in X-Auth-Token, the one scheme of the specification. */
function requireToken(token: string, next: Handler<Answer>): Handler<Answer> {
  return (request) => {
    const given = request.headers['x-auth-token']
    return typeof given === 'string' && isSameSecret(given, token) ? next(request) : unauthorized
  }
}

/** What the handler is made of. */
export interface HandlerParts {
  cloud: Cloud
  lifecycle: Lifecycle
  /** URL of what a device's machine asks for, as the machine reaches it. */
  bootUrlOf: (device: Device) => string
  /** A device's own script as an isolated machine can follow it. */
  scriptOf?: ScriptOf | undefined
  faults: FaultPlan
  rateLimit: RateLimit
  /** Folder of the page's files, where there is a page. */
  pageFolder?: string | undefined
}

/**
 * The handler of the lab's server: the API below /metal/v1, the boot server below /boot, and below /lab what only a lab has.
 */
export function createHandler(parts: HandlerParts): Handler<Answer> {
  const { cloud, lifecycle, bootUrlOf, scriptOf, faults, rateLimit, pageFolder } = parts
  const routes = [
    ...accountRoutes(cloud),
    ...catalogueRoutes(cloud),
    ...capacityRoutes(cloud),
    ...keyRoutes(cloud),
    ...deviceRoutes(cloud, lifecycle),
    ...batchRoutes(cloud, lifecycle),
    ...detailRoutes(cloud),
    ...eventRoutes(cloud),
    ...unimplementedRoutes,
  ]
  const shaped = withRelations((href) => findRelation(href, cloud), createRouter(routes))
  const api = requireToken(cloud.token, limitRate(rateLimit, playFaults(faults, shaped)))
  const control = requireToken(cloud.token, createRouter([...faultRoutes(faults), ...controlRoutes(cloud, lifecycle)]))
  const boot = createRouter(machineRoutes(cloud, lifecycle, bootUrlOf, scriptOf))
  const page = pageFolder === undefined ? boot : createPageHandler(pageFolder)
  return (request) => {
    if (isPagePath(request.path)) return page(request)
    if (request.path.startsWith('/lab/')) return control(request)
    if (!request.path.startsWith(`${apiPrefix}/`)) return boot(request)
    return api({ ...request, path: request.path.slice(apiPrefix.length) })
  }
}
