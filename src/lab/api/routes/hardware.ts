// The machines of an inventory as hardware reservations. A lab has no inventory, so its list is empty.
import type { Cloud } from '../../cloud/cloud.ts'
import { findStockedMachine, holderOf, type StockedMachine } from '../../cloud/inventory.ts'
import { notFound, ok } from '../../web/answer.ts'
import { paginate } from '../../web/paging.ts'
import type { Route } from '../../web/router.ts'
import { hardwareView } from '../views/hardware.ts'
import { withProject } from './named.ts'

/** Routes for hardware reservations. */
export function hardwareRoutes(cloud: Cloud): Route[] {
  const viewOf = (machine: StockedMachine) => hardwareView(machine, holderOf(cloud, machine.name), cloud)
  /** The filters of the specification. No machine is a spare. */
  const passes = (machine: StockedMachine, query: URLSearchParams): boolean => {
    const { short_id: shortId, facility, provisionable, need_of_service: isBroken } = viewOf(machine)
    const state = query.get('state')
    const searched = [facility?.code, machine.plan, machine.name, shortId, holderOf(cloud, machine.name)?.hostname]
    return (
      searched.some((text) => text?.toLowerCase().includes((query.get('query') ?? '').toLowerCase())) &&
      (query.get('provisionable') !== 'only' || provisionable) &&
      (!state || state === (isBroken ? 'need_of_service' : 'active'))
    )
  }
  return [
    [
      'GET /projects/{id}/hardware-reservations',
      ({ parameters: [id], path, query }) =>
        withProject(cloud, id, () => {
          const machines = (cloud.settings.inventory?.machines ?? []).filter((machine) => passes(machine, query))
          const { page, meta } = paginate(machines, path, query)
          return ok({ hardware_reservations: page.map(viewOf), meta })
        }),
    ],
    [
      'GET /hardware-reservations/{id}',
      ({ parameters: [id = ''] }) => {
        const machine = findStockedMachine(cloud, id)
        return machine === undefined ? notFound : ok(viewOf(machine))
      },
    ],
  ]
}
