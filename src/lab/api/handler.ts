// The API as one function from request to answer, composed of layers.
import type { Cloud } from '../cloud/cloud.ts'
import { labHeader } from '../../http/lab-header.ts'
import type { Device } from '../cloud/device.ts'
import type { FaultPlan } from '../faults/faults.ts'
import type { Devices } from '../cloud/life/devices.ts'
import { addressRoutes } from './routes/address.ts'
import { accountRoutes } from './routes/account.ts'
import { apiKeyRoutes, requireToken } from './routes/api-key.ts'
import type { LabAnswer } from '../web/answer.ts'
import { batchRoutes } from './routes/batch.ts'
import { capacityRoutes } from './routes/capacity.ts'
import { catalogueRoutes } from './routes/catalogue.ts'
import { apiPrefix } from './views/catalogue.ts'
import { detailRoutes } from './routes/detail.ts'
import { controlRoutes } from './routes/control.ts'
import { deviceRoutes } from './routes/device.ts'
import { eventRoutes } from './routes/event.ts'
import { faultRoutes, playFaults } from './fault-layer.ts'
import { hardwareRoutes } from './routes/hardware.ts'
import { findRelation } from './find-relation.ts'
import { keyRoutes } from './routes/key.ts'
import { projectRoutes } from './routes/project.ts'
import { machineRoutes, type ScriptRelay } from './routes/machine.ts'
import { limitRate, type RateLimit } from './rate-limit.ts'
import { withRelations } from './relations.ts'
import { isElsewhere } from './routes/scope.ts'
import { type ApiRequest, type Handler, isForMachines } from '../web/request.ts'
import { createRouter, type Route } from '../web/router.ts'
import { unimplementedRoutes } from './unimplemented.ts'

/** The parts of the handler. */
export interface HandlerParts {
  cloud: Cloud
  devices: Devices
  /** The boot server's URL for a device, as its machine reaches it. */
  bootUrlOf: (device: Device) => string
  relay?: ScriptRelay | undefined
  /** More routes for machines, under /boot/mac and /ipxe. */
  moreRoutes?: readonly Route[] | undefined
  /** More routes under /lab. */
  moreControlRoutes?: readonly Route[] | undefined
  /** Whether answers say that nothing costs money here. */
  isLab?: boolean | undefined
  faults: FaultPlan
  rateLimit: RateLimit
}

const prefix = new RegExp(`^${apiPrefix}(?=/)`)

/**
 * The handler of the lab's server: the boot server under /boot, the lab's own routes under /lab, and the API under /metal/v1,
 * as at api.equinix.com, and under /, as at api.packet.net.
 */
export function createHandler(parts: HandlerParts): Handler<LabAnswer> {
  const { cloud, devices, bootUrlOf, relay, isLab = true, faults, rateLimit } = parts
  const { moreRoutes = [], moreControlRoutes = [] } = parts
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
  const api = requireToken(cloud, limitRate(rateLimit, playFaults(faults, shaped)))
  const control = requireToken(
    cloud,
    createRouter([...faultRoutes(faults), ...controlRoutes(cloud, devices), ...moreControlRoutes]),
  )
  const boot = createRouter([...moreRoutes, ...machineRoutes(cloud, devices, bootUrlOf, relay)])
  return async (request) => {
    if (request.path.startsWith('/lab/')) return control(request)
    if (request.path === '/' || isForMachines(request)) return boot(request)
    const answer = await api({ ...request, path: request.path.replace(prefix, '') })
    return isLab ? { ...answer, headers: { ...answer.headers, [labHeader]: 'yes' } } : answer
  }
}
