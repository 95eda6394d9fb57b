// The parts of the specification that the lab does not implement: networks beyond addresses, billing, people, the market.
import { refuse } from '../web/answer.ts'
import type { Route } from '../web/router.ts'

const patterns = `
  DELETE|GET /bgp-dynamic-neighbors/{id}
  DELETE|GET|PUT /bgp/sessions/{id}
  GET /connections/metros
  GET /connections/prices
  DELETE|GET|PUT /connections/{id}
  GET /connections/{id}/events
  GET /connections/{id}/ports
  GET /connections/{id}/ports/{id}
  GET /connections/{id}/ports/{id}/events
  GET|POST /connections/{id}/ports/{id}/virtual-circuits
  GET /connections/{id}/virtual-circuits
  GET /devices/{id}/bgp/neighbors
  POST /devices/{id}/bgp/sessions
  GET /devices/{id}/firmware-sets
  GET /devices/{id}/traffic
  POST /emails
  DELETE|PUT /emails/{id}
  POST /hardware-reservations/{id}/activate
  POST /hardware-reservations/{id}/move
  GET /incidents
  GET /invitations
  DELETE|GET|PUT /invitations/{id}
  GET /invoices/{id}
  DELETE|GET|PUT /licenses/{id}
  GET /market/spot/prices/history
  DELETE|PUT /memberships/{id}
  DELETE|GET /metal-gateways/{id}
  POST|GET /metal-gateways/{id}/bgp-dynamic-neighbors
  POST|GET /metal-gateways/{id}/ips
  GET /operating-system-versions
  POST /organizations
  DELETE|PUT /organizations/{id}
  GET|POST /organizations/{id}/connections
  GET /organizations/{id}/customdata
  GET /organizations/{id}/firmware-sets
  GET|POST /organizations/{id}/invitations
  GET /organizations/{id}/invoices
  GET|POST /organizations/{id}/payment-methods
  GET /organizations/{id}/transfers
  DELETE|GET|PUT /payment-methods/{id}
  POST /ports/{id}/assign
  POST /ports/{id}/bond
  POST /ports/{id}/convert/layer-2
  POST /ports/{id}/convert/layer-3
  POST /ports/{id}/disbond
  DELETE|POST /ports/{id}/native-vlan
  POST /ports/{id}/unassign
  GET /ports/{id}/vlan-assignments
  GET|POST /ports/{id}/vlan-assignments/batches
  GET /ports/{id}/vlan-assignments/batches/{id}
  GET /ports/{id}/vlan-assignments/{id}
  POST /projects/{id}/bgp-configs
  GET|POST /projects/{id}/connections
  GET /projects/{id}/firmware-sets
  GET /projects/{id}/global-bgp-ranges
  GET|POST /projects/{id}/invitations
  GET|POST /projects/{id}/licenses
  GET /projects/{id}/memberships
  GET|POST /projects/{id}/metal-gateways
  GET|POST /projects/{id}/self-service/reservations
  GET /projects/{id}/self-service/reservations/{id}
  GET|POST /projects/{id}/spot-market-requests
  POST /projects/{id}/transfers
  GET|POST /projects/{id}/virtual-networks
  GET|POST /projects/{id}/vrfs
  DELETE|POST /reset-password
  DELETE|GET|PUT /routes/{id}
  GET /routes/{id}/events
  DELETE|GET /spot-market-requests/{id}
  POST /support-requests
  DELETE|GET|PUT /transfers/{id}
  DELETE|POST /user/otp/app
  GET|POST /users
  GET /users/{id}/customdata
  POST|PUT /verify-email
  DELETE|GET|PUT /virtual-circuits/{id}
  GET /virtual-circuits/{id}/events
  DELETE|GET|PUT /virtual-networks/{id}
  DELETE|GET|PUT /vrfs/{id}
  GET /vrfs/{id}/bgp-neighbors
  GET /vrfs/{id}/ips
  GET /vrfs/{id}/ips/{id}
  GET /vrfs/{id}/learned-routes
  POST|GET /vrfs/{id}/routes
`

const notImplemented = refuse(501, 'Not implemented by the lab')

/** Routes that answer 501. All other routes come before them. */
export const unimplementedRoutes: readonly Route[] = patterns
  .trim()
  .split('\n')
  .map((pattern) => [pattern.trim(), () => notImplemented])
