// The check of the token for the lab's own routes.
import type { Cloud } from '../cloud/cloud.ts'
import { isSameSecret } from '../storage/secret.ts'
import { type LabAnswer, unauthorized } from '../web/answer.ts'
import type { Handler } from '../web/request.ts'

/** Lets a request through if X-Auth-Token holds the lab's token. */
export function requireLabToken(cloud: Cloud, next: Handler<LabAnswer>): Handler<LabAnswer> {
  return (request) => {
    const secret = request.headers['x-auth-token']
    return typeof secret === 'string' && isSameSecret(secret, cloud.token) ? next(request) : unauthorized
  }
}
