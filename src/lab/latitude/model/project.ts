// Projects in the terms of Latitude.sh.
import type { KeyRecord } from '../../cloud/account/key-record.ts'
import type { Project } from '../../cloud/account/project.ts'
import type { Cloud } from '../../cloud/cloud.ts'

/** How the servers of a project are rented; a reserved project's are rented by the year. */
export type ProvisioningType = 'on_demand' | 'reserved'

/** The custom data of a project. */
export function projectData(type: ProvisioningType): Record<string, unknown> {
  return { provisioning_type: type }
}

/** Whether its servers are rented by the year, so that they cannot be deleted at once. */
export function isReserved({ customdata }: Pick<Project, 'customdata'>): boolean {
  return customdata['provisioning_type'] === 'reserved'
}

/** The slug of a project. */
export function slugOf({ name }: Pick<Project, 'name'>): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
}

/** The project with an id or slug. */
export function findProject(cloud: Cloud, name: string): Project | undefined {
  return cloud.projects.get(name) ?? [...cloud.projects.values()].find((project) => slugOf(project) === name)
}

/** The project of a key; the lab's own key is in the first project. */
export function projectOfKey(cloud: Cloud, { projectId }: Pick<KeyRecord, 'projectId'>): Project | undefined {
  return cloud.projects.get(projectId ?? cloud.projectId)
}

/** The keys of a project. */
export function keysOf(cloud: Cloud, projectId: string): KeyRecord[] {
  return [...cloud.keys.values()].filter((key) => projectOfKey(cloud, key)?.id === projectId)
}
