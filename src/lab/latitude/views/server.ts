// Servers on the wire (server_data). Their addresses are from ranges reserved for documentation, and lead nowhere.
import { createHash } from 'node:crypto'

import type { Cloud } from '../../cloud/cloud.ts'
import type { Device } from '../../cloud/device.ts'
import type { JsonResource } from '../model/answers.ts'
import { siteOf, systemSlug } from '../model/catalogue.ts'
import { namedId } from '../model/ids.ts'
import { statusOf } from '../model/state.ts'
import { hourlyPrice, planId, planName, siteId, specsView } from './catalogue.ts'
import { projectInclude, teamView } from './project.ts'

/** A number from 0 to 2^32 that belongs to a device. */
function numberOf({ id }: Device): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0)
}

/** The fields that every answer about a server has. */
function commonView(device: Device) {
  const { plan } = device
  const number = numberOf(device)
  return {
    hostname: device.hostname,
    label: `${String(number % 1_000_000).padStart(6, '0')}NODELAB`,
    role: 'Bare Metal',
    status: statusOf(device),
    primary_ipv4: `203.0.113.${1 + (number % 254)}`,
    primary_ipv6: `2001:db8:2::${(number % 0xff_ff).toString(16)}`,
    specs: specsView(plan),
    plan: { id: planId(plan), name: planName(plan), slug: plan.slug, billing: device.billingCycle },
    interfaces: [
      { role: 'ipmi', name: 'IPMI', mac_address: null, description: 'IPMI Interface' },
      ...device.macs.map((mac, index) => ({
        role: index === 0 ? 'external' : 'internal',
        name: index === 0 ? 'PXE' : `ETH${index}`,
        mac_address: mac,
        description: index === 0 ? 'PXE Interface' : 'Interface',
      })),
    ],
  }
}

/** The answer to a create: it has no tags and no time, and the deployment starts. */
export function createdView(device: Device): JsonResource {
  return { type: 'servers', id: device.id, attributes: { ...commonView(device), status: 'starting_deploy' } }
}

/** A server; with its operating system's credentials if they are asked for. */
export function serverView(device: Device, cloud: Cloud, withCredentials = false): JsonResource {
  const { metro, operatingSystem: system } = device
  const project = cloud.projects.get(device.projectId)
  return {
    id: device.id,
    type: 'servers',
    attributes: {
      tags: [],
      ...commonView(device),
      price: hourlyPrice,
      ipmi_status: 'Normal',
      created_at: device.createdAt,
      scheduled_deletion_at: device.terminationTime,
      locked: device.locked,
      rescue_allowed: device.state === 'active',
      region: {
        city: metro.name,
        country: metro.country,
        site: {
          id: siteId(metro),
          name: metro.name,
          slug: siteOf(metro),
          facility: metro.name,
          rack_id: namedId('rack', metro.code),
        },
      },
      team: teamView(cloud),
      ...(project === undefined ? {} : { project: projectInclude(project, cloud) }),
      operating_system: {
        name: system.name,
        slug: systemSlug(system),
        version: system.version,
        features: { raid: false, ssh_keys: true, user_data: false },
        distro: { name: system.distro, slug: system.distro, series: system.version },
      },
      ...(withCredentials ? { credentials: { user: 'root', password: device.rootPassword } } : {}),
    },
  }
}
