// The calls of the API in a lab, as the page shows them; a test holds the table in docs/lab.md, and the routes, to it.

/** Calls of one kind and what the lab does with them. */
export interface CoverageRow {
  calls: string
  inLab: string
}

/** The rows in order. Calls whose row says 501 are in the specification, and the lab does not implement them. */
export const coverage: readonly CoverageRow[] = [
  {
    calls: 'devices, batches, actions, events, userdata, customdata, metadata',
    inLab: 'complete; rescue on simulated machines only',
  },
  {
    calls: 'IP reservations and assignments',
    inLab:
      'complete, from ranges reserved for documentation (198.51.100.0/24, 192.0.2.0/24 global, 2001:db8:1::/48; private 10.67.0.0/16)',
  },
  {
    calls: 'SSH keys, projects, API keys, user, organization',
    inLab: "complete; the lab's own project cannot be deleted",
  },
  { calls: 'plans, metros, facilities, operating systems, capacity', inLab: 'complete' },
  {
    calls: 'bandwidth, usage, BGP configuration and sessions, hardware reservations, spot prices',
    inLab: 'empty lists',
  },
  { calls: 'ports', inLab: 'read only' },
  { calls: 'VLANs, VLAN assignments and other changes of ports', inLab: '501' },
  { calls: 'Metal Gateways', inLab: '501' },
  { calls: 'VRFs and their routes', inLab: '501' },
  { calls: 'connections and virtual circuits', inLab: '501' },
  { calls: 'BGP changes, neighbors and ranges', inLab: '501' },
  { calls: 'reservations of hardware in detail, spot market requests, price history', inLab: '501' },
  { calls: 'further users, emails, memberships, invitations, passwords', inLab: '501' },
  {
    calls: 'changes of organizations, payment methods, invoices, licenses, transfers, support requests, incidents',
    inLab: '501',
  },
  { calls: 'firmware sets, traffic, operating system versions, screenshots', inLab: '501' },
]
