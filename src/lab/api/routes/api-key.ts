// API keys of the user and of projects (AuthTokenInput.yaml, AuthTokenList.yaml), and the check of tokens.
import { z } from 'zod/mini'

import { type ApiKey, createApiKey } from '../../cloud/account/api-key.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import { isInProject } from './scope.ts'
import { isSameSecret, SecretOwners } from '../../storage/secret.ts'
import { withInput } from '../input/body.ts'
import { checkShape, flag } from '../input/check.ts'
import { apiKeyView } from '../views/project.ts'
import {
  created,
  type LabAnswer,
  noContent,
  notFound,
  ok,
  refuse,
  unauthorized,
  unprocessable,
} from '../../web/answer.ts'
import type { Handler } from '../../web/request.ts'
import type { Route } from '../../web/router.ts'
import { withProject } from './named.ts'

/** 403 as the API words it. */
const forbidden = refuse(403, 'Access denied for the current authentication token')

/**
 * Lets a request through if X-Auth-Token holds the lab's own token or an API key; the specification has no other scheme. A
 * read-only key allows only GET. A project's key opens only that project and the catalogue.
 */
export function requireToken(cloud: Cloud, next: Handler<LabAnswer>): Handler<LabAnswer> {
  const owners = new SecretOwners<ApiKey>(({ token }) => token)
  return (request) => {
    const secret = request.headers['x-auth-token']
    if (typeof secret !== 'string') return unauthorized
    if (isSameSecret(secret, cloud.token)) return next(request)
    const key = owners.find(secret, cloud.apiKeys.values())
    if (key === undefined) return unauthorized
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (key.readOnly && !isRead) return forbidden
    const { projectId } = key
    if (projectId === undefined) return next(request)
    const isOpen =
      (isRead && request.path === '/projects') ||
      isInProject(projectId, request.path.replace(/^\/lab(?=\/)/, ''), cloud)
    return isOpen ? next({ ...request, projectId }) : forbidden
  }
}

const inputSchema = z.looseObject({ description: z.nullish(z.string()), read_only: z.nullish(flag) })

/** Routes for API keys. */
export function apiKeyRoutes(cloud: Cloud): Route[] {
  const list = (projectId: string | undefined, query: URLSearchParams): LabAnswer => {
    const apiKeys = [...cloud.apiKeys.values()].filter(
      (key) => key.projectId === projectId && key.description.includes(query.get('search') ?? ''),
    )
    return ok({ api_keys: apiKeys.map((key) => apiKeyView(key, cloud)) })
  }
  const add = (projectId: string | undefined, json: unknown): LabAnswer => {
    const checked = checkShape(inputSchema, json)
    if ('errors' in checked) return unprocessable(...checked.errors)
    const { description, read_only: readOnly } = checked.value
    const key = createApiKey({ description: description ?? '', readOnly: readOnly ?? false, projectId })
    cloud.apiKeys.set(key.id, key)
    return created(apiKeyView(key, cloud))
  }
  const remove = (id: string | undefined): LabAnswer => (cloud.apiKeys.delete(id ?? '') ? noContent : notFound)
  return [
    ['GET /user/api-keys', ({ query }) => list(undefined, query)],
    ['POST /user/api-keys', (request) => withInput(request, (json) => add(undefined, json))],
    [
      'GET /projects/{id}/api-keys',
      ({ parameters: [id], query }) => withProject(cloud, id, (project) => list(project.id, query)),
    ],
    [
      'POST /projects/{id}/api-keys',
      (request) => withProject(cloud, request.parameters[0], ({ id }) => withInput(request, (json) => add(id, json))),
    ],
    ['DELETE /user/api-keys/{id}', ({ parameters: [id] }) => remove(id)],
    ['DELETE /api-keys/{id}', ({ parameters: [id] }) => remove(id)],
  ]
}
