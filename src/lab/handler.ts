// Everything that the lab's server answers: the API of its face, the boot server under /boot, and the lab's own routes under /lab.
import { labHeader } from '../http/lab-header.ts'
import { machineRoutes, type ScriptRelay } from './api/routes/machine.ts'
import type { Device } from './cloud/device.ts'
import { deviceControlRoutes } from './control/device-route.ts'
import { forwardRoutes } from './control/forward-route.ts'
import { requireLabToken } from './control/lab-token.ts'
import type { Face, FaceParts, FaceServers } from './face/face.ts'
import { faultRoutes } from './faults/fault-layer.ts'
import type { LabAnswer } from './web/answer.ts'
import { type Handler, isForMachines } from './web/request.ts'
import { createRouter, type Route } from './web/router.ts'

/** The parts of the handler. */
export interface HandlerParts extends FaceParts {
  face: Face
  servers: FaceServers
  /** The boot server's URL for a device, as its machine reaches it. */
  bootUrlOf: (device: Device) => string
  relay?: ScriptRelay | undefined
  /** More routes for machines, under /boot/mac and /ipxe. */
  moreRoutes?: readonly Route[] | undefined
  /** More routes under /lab. */
  moreControlRoutes?: readonly Route[] | undefined
  /** Whether answers say that nothing costs money here. */
  isLab?: boolean | undefined
}

/** The handler of the lab's server. The API also answers under /, without its own path. */
export function createHandler(parts: HandlerParts): Handler<LabAnswer> {
  const { cloud, devices, face, servers, faults, bootUrlOf, relay, isLab = true } = parts
  const { moreRoutes = [], moreControlRoutes = [] } = parts
  const own = createRouter([
    ...faultRoutes(face.faults, faults),
    ...deviceControlRoutes(cloud, devices, face.words),
    ...forwardRoutes(cloud, devices),
    ...moreControlRoutes,
  ])
  const control = (servers.guard ?? requireLabToken)(cloud, own)
  const boot = createRouter([...moreRoutes, ...machineRoutes(cloud, devices, bootUrlOf, relay)])
  const api = servers.createApi(parts)
  const isUnderApi = (path: string) => face.apiPath !== '' && path.startsWith(`${face.apiPath}/`)
  return async (request) => {
    if (request.path.startsWith('/lab/')) return control(request)
    if (request.path === '/' || isForMachines(request)) return boot(request)
    const path = isUnderApi(request.path) ? request.path.slice(face.apiPath.length) : request.path
    const answer = await api({ ...request, path })
    return isLab ? { ...answer, headers: { ...answer.headers, [labHeader]: 'yes' } } : answer
  }
}
