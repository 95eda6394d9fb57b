// Finds the object that an href refers to.
import { findFacility, findMetro, findOperatingSystem, findPlan } from '../cloud/catalogue.ts'
import type { Cloud } from '../cloud/cloud.ts'
import { findStockedMachine, holderOf } from '../cloud/inventory.ts'
import { assignmentView, reservationView } from './views/address.ts'
import { emailView, findMembership, organizationView, userView } from './views/account.ts'
import { apiPrefix, facilityView, metroView, operatingSystemView, planView } from './views/catalogue.ts'
import { deviceView } from './views/device.ts'
import { hardwareView } from './views/hardware.ts'
import { keyView } from './views/key.ts'
import { projectView } from './views/project.ts'

/** Views by the folder in their href; they return undefined for an unknown id. */
const views: Readonly<Record<string, (id: string, cloud: Cloud) => object | undefined>> = {
  devices(id, cloud) {
    const device = cloud.vanished.has(id) ? undefined : cloud.devices.get(id)
    return device && deviceView(device, cloud)
  },
  'ssh-keys'(id, cloud) {
    const key = cloud.keys.get(id)
    return key && keyView(key, cloud)
  },
  projects(id, cloud) {
    const project = cloud.projects.get(id)
    return project && projectView(project, cloud)
  },
  'hardware-reservations'(id, cloud) {
    const machine = findStockedMachine(cloud, id)
    return machine && hardwareView(machine, holderOf(cloud, machine.name), cloud)
  },
  emails: (id, cloud) => (id === emailView(cloud).id ? emailView(cloud) : undefined),
  memberships: (id, cloud) => findMembership(cloud, id),
  users: (id, cloud) => (id === cloud.userId ? userView(cloud) : undefined),
  organizations: (id, cloud) => (id === cloud.organizationId ? organizationView(cloud) : undefined),
  ips(id, cloud) {
    const reservation = cloud.reservations.get(id)
    if (reservation !== undefined) return reservationView(reservation, cloud)
    const assignment = cloud.assignments.get(id)
    const of = assignment && cloud.reservations.get(assignment.reservationId)
    return assignment && of && assignmentView(assignment, of, cloud)
  },
  plans(id, { settings: { catalogue } }) {
    const plan = findPlan(catalogue, id)
    return plan && planView(plan, catalogue)
  },
  'operating-systems'(id, { settings: { catalogue } }) {
    const system = findOperatingSystem(catalogue, id)
    return system && operatingSystemView(system, catalogue)
  },
  facilities(id, { settings }) {
    const facility = findFacility(settings.catalogue, id)
    return facility && facilityView(facility.code, facility.metro)
  },
  'locations/metros'(id, { settings }) {
    const metro = findMetro(settings.catalogue, id)
    return metro && metroView(metro)
  },
}

/** Finds the object that an href refers to, for each kind that relations can have. */
export function findRelation(href: string, cloud: Cloud): object | undefined {
  const [, folder = '', id = ''] = /^\/(.+)\/([^/]+)$/.exec(href.slice(apiPrefix.length)) ?? []
  return Object.hasOwn(views, folder) ? views[folder]?.(id, cloud) : undefined
}
