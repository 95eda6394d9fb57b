// Projects: list and create.
import { z } from 'zod/mini'

import { createProject } from '../../cloud/account/project.ts'
import type { Cloud } from '../../cloud/cloud.ts'
import type { LabAnswer } from '../../web/answer.ts'
import type { Route, RoutedRequest } from '../../web/router.ts'
import { single } from '../model/answers.ts'
import { checkAttributes, refuseAll, withAttributes } from '../input/body.ts'
import { pageOf, refuseParameters } from '../model/page.ts'
import { projectData, slugOf } from '../model/project.ts'
import { projectView } from '../views/project.ts'

const filters = ['name', 'slug', 'description', 'billing_type', 'environment', 'tags'].map((name) => `filter[${name}]`)

const createSchema = z.looseObject({
  name: z.string().check(z.minLength(1)),
  provisioning_type: z.enum(['on_demand', 'reserved']),
})

/** Routes for projects. */
export function projectRoutes(cloud: Cloud): Route[] {
  const list = ({ query }: RoutedRequest): LabAnswer => {
    const refused = refuseParameters(query, [...filters, 'extra_fields[projects]'])
    if (refused !== undefined) return refused
    const [name, slug, tags] = ['name', 'slug', 'tags'].map((field) => query.get(`filter[${field}]`))
    const matching = [...cloud.projects.values()].filter(
      (project) => (name ?? project.name) === project.name && (slug ?? slugOf(project)) === slugOf(project) && !tags,
    )
    return pageOf(matching, query, (project) => projectView(project, cloud))
  }
  const create = (request: RoutedRequest): LabAnswer =>
    withAttributes(request, { type: 'projects' }, (attributes) => {
      const checked = checkAttributes(createSchema, attributes)
      if ('reasons' in checked) return refuseAll(checked.reasons)
      const { name, provisioning_type: type } = checked.value
      const isTaken = [...cloud.projects.values()].some((project) => slugOf(project) === slugOf({ name }))
      if (isTaken) return refuseAll([{ detail: 'Name has already been taken', field: 'name' }])
      const project = createProject({ id: cloud.settings.createId('project'), name, customdata: projectData(type) })
      cloud.projects.set(project.id, project)
      return single(projectView(project, cloud), 201)
    })
  return [
    ['GET /projects', list],
    ['POST /projects', create],
  ]
}
