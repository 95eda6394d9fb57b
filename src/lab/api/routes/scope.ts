// The scope of a project's API key: its own project and the catalogue, as the documentation of project API keys says.
import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import { membershipId } from '../views/account.ts'
import { addressViews, blockViews, portViews } from '../views/network.ts'

/** The paths of the catalogue, which belongs to no project, and of hardware reservations, which belong to every project. */
const catalogue: ReadonlySet<string> = new Set([
  'capacity',
  'facilities',
  'hardware-reservations',
  'locations',
  'market',
  'metros',
  'operating-system-versions',
  'operating-systems',
  'plans',
  'userdata',
])

/** The functions that return an object's owner, by the folder of its path: a project, or undefined for the user. */
const owners: Readonly<Record<string, (id: string, cloud: Cloud) => { projectId: string | undefined } | undefined>> = {
  projects: (id, cloud) => (cloud.projects.has(id) ? { projectId: id } : undefined),
  devices: (id, cloud) => cloud.devices.get(id),
  'ssh-keys': (id, cloud) => cloud.keys.get(id),
  'api-keys': (id, cloud) => cloud.apiKeys.get(id),
  batches: (id, cloud) => cloud.batches.get(id),
  memberships(id, cloud) {
    const projectId = [...cloud.projects.keys()].find((key) => membershipId(cloud, key) === id)
    return projectId === undefined ? undefined : { projectId }
  },
  ips(id, cloud) {
    const reservation = cloud.reservations.get(cloud.assignments.get(id)?.reservationId ?? id)
    if (reservation !== undefined) return reservation
    const isOf = (device: Device) =>
      [...addressViews(device, cloud), ...blockViews(device, cloud)].some((ip) => ip.id === id)
    return [...cloud.devices.values()].find(isOf)
  },
  events: (id, { devices }) => [...devices.values()].find(({ events }) => events.some((event) => event.id === id)),
  ports: (id, { devices }) => [...devices.values()].find((device) => portViews(device).some((port) => port.id === id)),
}

/** The owners of a path's objects: `/projects/{id}/ips/{id}` has two. */
function ownersOf(path: string, cloud: Cloud) {
  const [, ...parts] = path.split('/')
  return parts.flatMap((folder, at) => {
    const id = at % 2 === 0 ? parts[at + 1] : undefined
    if (id === undefined || !Object.hasOwn(owners, folder)) return []
    return owners[folder]?.(id, cloud) ?? []
  })
}

/** Whether a project's key allows a path. A missing object is allowed, and answered with 404. */
export function isInProject(projectId: string, path: string, cloud: Cloud): boolean {
  const [, folder = '', id] = path.split('/')
  if (catalogue.has(folder)) return true
  if (id === undefined || !Object.hasOwn(owners, folder)) return false
  return ownersOf(path, cloud).every((owner) => owner.projectId === projectId)
}

/** Whether an object belongs to another project; if so, answers to the key of this one do not include it. */
export function isElsewhere(projectId: string | undefined, path: string, cloud: Cloud): boolean {
  if (projectId === undefined) return false
  return ownersOf(path, cloud).some((owner) => owner.projectId !== undefined && owner.projectId !== projectId)
}
