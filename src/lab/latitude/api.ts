// The Latitude.sh API as one function from request to answer, composed of layers.
import { playFaults } from '../faults/fault-layer.ts'
import type { FaceParts } from '../face/face.ts'
import { isSameSecret } from '../storage/secret.ts'
import type { LabAnswer } from '../web/answer.ts'
import type { Handler } from '../web/request.ts'
import { createRouter } from '../web/router.ts'
import { notFound, refuse, unauthorized } from './model/answers.ts'
import { latitudeFaults } from './faults.ts'
import { catalogueRoutes } from './routes/catalogue.ts'
import { consoleRoutes } from './routes/console.ts'
import { deploymentRoutes } from './routes/deployment.ts'
import { keyRoutes } from './routes/key.ts'
import { projectRoutes } from './routes/project.ts'
import { serverRoutes } from './routes/server.ts'

/** Lets a request through if Authorization holds the key, bare or as a bearer token. */
function requireKey(key: string, next: Handler<LabAnswer>): Handler<LabAnswer> {
  return (request) => {
    const secret = (request.headers.authorization ?? '').replace(/^Bearer /i, '')
    return isSameSecret(secret, key) ? next(request) : unauthorized
  }
}

/** Refuses a body that is not of a type in the specification. */
function requireType(next: Handler<LabAnswer>): Handler<LabAnswer> {
  return (request) => {
    const type = request.headers['content-type'] ?? ''
    const isKnown = /^application\/(vnd\.api\+)?json(;|$)/i.test(type)
    return request.body.length > 0 && !isKnown ? refuse(415, `Unsupported media type: ${type}`) : next(request)
  }
}

/** The API. */
export function createLatitudeApi({ cloud, devices, faults, contact }: FaceParts): Handler<LabAnswer> {
  const routes = createRouter(
    [
      ...projectRoutes(cloud),
      ...catalogueRoutes(cloud),
      ...keyRoutes(cloud),
      ...serverRoutes(cloud, devices),
      ...deploymentRoutes(cloud, devices),
      ...consoleRoutes(cloud, devices, contact.sos),
    ],
    { notFound, refuse },
  )
  return requireKey(cloud.token, playFaults(latitudeFaults, faults, requireType(routes)))
}
