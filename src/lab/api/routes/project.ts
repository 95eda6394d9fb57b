// Projects (ProjectCreateInput.yaml, ProjectUpdateInput.yaml), and the lists that are empty for every project of a lab.
import { z } from 'zod/mini'

import { createProject, type Project } from '../../cloud/account/project.ts'
import { type Cloud, listDevices, removeProject } from '../../cloud/cloud.ts'
import { nounOf } from '../../cloud/inventory.ts'
import { withInput } from '../input/body.ts'
import { checkShape, customdata, flag, texts } from '../input/check.ts'
import { projectView } from '../views/project.ts'
import { created, type LabAnswer, noContent, ok, unprocessable } from '../../web/answer.ts'
import { paginate } from '../../web/paging.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { withOrganization, withProject } from './named.ts'

const inputSchema = z.looseObject({
  name: z.nullish(z.string().check(z.maxLength(80))),
  tags: z.nullish(texts),
  customdata: z.nullish(customdata),
  backend_transfer_enabled: z.nullish(flag),
})

/** The fields of a body, or the reasons for refusing it; the texts are inferred. */
function readFields(json: unknown, present: Partial<Project>): (Partial<Project> & { name: string }) | string[] {
  const checked = checkShape(inputSchema, json)
  if ('errors' in checked) return checked.errors
  const input = checked.value
  const name = input.name ?? present.name
  if (!name) return ["Name can't be blank"]
  return {
    name,
    tags: input.tags ?? present.tags ?? [],
    customdata: input.customdata ?? present.customdata ?? {},
    backendTransfer: input.backend_transfer_enabled ?? present.backendTransfer ?? false,
  }
}

/** Routes for projects. */
export function projectRoutes(cloud: Cloud): Route[] {
  const list = ({ path, query, projectId }: RoutedRequest): LabAnswer => {
    const projects = [...cloud.projects.values()].filter(
      ({ id, name }) => name.includes(query.get('name') ?? '') && (projectId ?? id) === id,
    )
    const { page, meta } = paginate(projects, path, query)
    return ok({ projects: page.map((project) => projectView(project, cloud)), meta })
  }
  const create = (request: RoutedRequest): LabAnswer =>
    withInput(request, (json) => {
      const fields = readFields(json, {})
      if (Array.isArray(fields)) return unprocessable(...fields)
      const project = createProject(fields)
      cloud.projects.set(project.id, project)
      return created(projectView(project, cloud))
    })
  const change = (project: Project, json: unknown): LabAnswer => {
    const fields = readFields(json, project)
    if (Array.isArray(fields)) return unprocessable(...fields)
    Object.assign(project, fields, { updatedAt: new Date().toISOString() })
    return ok(projectView(project, cloud))
  }
  /**
   * Deletes a project, unless it has devices or is the project that `lab env` names; the texts of the refusals are inferred. A device
   * that is being deleted does not count: packngo's acceptance tests delete a device and then, at once, its project.
   */
  const remove = (project: Project): LabAnswer => {
    const active = listDevices(cloud, project.id).filter(({ state }) => state !== 'deprovisioning')
    if (active.length > 0) return unprocessable('Cannot delete a project with active devices')
    if (project.id === cloud.projectId)
      return unprocessable(`Cannot delete the ${nounOf(cloud.settings)}'s own project`)
    removeProject(cloud, project.id)
    return noContent
  }
  const of = (pattern: string, answer: (project: Project, request: RoutedRequest) => LabAnswer): Route => [
    pattern,
    (request) => withProject(cloud, request.parameters[0], (project) => answer(project, request)),
  ]
  return [
    ['GET /projects', list],
    ['POST /projects', create],
    [
      'GET /organizations/{id}/projects',
      (request) => withOrganization(cloud, request.parameters[0], () => list(request)),
    ],
    [
      'POST /organizations/{id}/projects',
      (request) => withOrganization(cloud, request.parameters[0], () => create(request)),
    ],
    of('GET /projects/{id}', (project) => ok(projectView(project, cloud))),
    of('PUT|PATCH /projects/{id}', (project, request) => withInput(request, (json) => change(project, json))),
    of('DELETE /projects/{id}', remove),
    of('GET /projects/{id}/customdata', (project) => ok(project.customdata)),
    of('GET /projects/{id}/bgp-config', () => ok({})),
    of('GET /projects/{id}/bgp/sessions', () => ok({ bgp_sessions: [] })),
    of('GET /projects/{id}/usages', () => ok({ usages: [] })),
    ['GET /market/spot/prices', () => ok({ spot_market_prices: {} })],
    ['GET /market/spot/prices/metros', () => ok({ spot_market_prices: {} })],
  ]
}
