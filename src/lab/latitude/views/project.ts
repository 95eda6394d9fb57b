// Projects on the wire (project, project_include, team_include).
import type { Project } from '../../cloud/account/project.ts'
import { type Cloud, listDevices } from '../../cloud/cloud.ts'
import type { JsonResource } from '../model/answers.ts'
import { namedId } from '../model/ids.ts'
import { isReserved, slugOf } from '../model/project.ts'

/** The team, which owns everything in the lab. */
export function teamView(cloud: Cloud) {
  return {
    id: namedId('team', cloud.organizationId),
    name: 'Lab',
    slug: 'lab',
    description: null,
    address: null,
    currency: { id: namedId('cur', 'USD'), code: 'USD', name: 'United States Dollar', currency_id: null },
    status: 'verified',
    feature_flags: [],
    limits: { bare_metal: null, bare_metal_gpu: null, virtual_machine: 0, virtual_machine_gpu: 0 },
  }
}

/** A project as other objects show it. */
export function projectInclude(project: Project, cloud: Cloud) {
  return {
    id: project.id,
    name: project.name,
    slug: slugOf(project),
    description: null,
    provisioning_type: isReserved(project) ? 'reserved' : 'on_demand',
    billing_type: 'Normal',
    billing_method: 'Normal',
    bandwidth_alert: false,
    environment: null,
    billing: {},
    stats: {
      databases: 0,
      ip_addresses: 0,
      prefixes: 0,
      servers: listDevices(cloud, project.id).length,
      storages: 0,
      virtual_machines: 0,
      vlans: 0,
    },
  }
}

/** A project. */
export function projectView(project: Project, cloud: Cloud): JsonResource {
  const { id, ...attributes } = projectInclude(project, cloud)
  return {
    id,
    type: 'projects',
    attributes: {
      tags: [],
      ...attributes,
      team: teamView(cloud),
      created_at: project.createdAt,
      updated_at: project.updatedAt,
    },
  }
}
