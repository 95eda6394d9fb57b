// The face of Oracle Cloud Infrastructure.
import { randomUUID } from 'node:crypto'
import type { Face } from '../face/face.ts'
import { loadAccount } from './account/account.ts'
import { regionalOcid } from './account/ocid.ts'
import { stateOf } from './compute/state.ts'
import { ociFaults } from './faults.ts'
import { refuse } from './wire/refusal.ts'
import { availabilityDomain, network, ociCatalogue } from './compute/stock.ts'

/** The Core Services API and the parts of the identity API that a launch needs, all on one host, and console connections. */
export const oracleCloud: Face = {
  name: 'oci',
  title: 'Oracle Cloud',
  apiPath: '',
  catalogue: ociCatalogue,
  keepsFailed: false,
  // A console connection takes its time. On the service, so does a server's self-test: minutes.
  selfTestMs: 6000,
  faults: ociFaults,
  words: { plan: 'Shape', place: 'Availability domain', stateOf, placeOf: () => availabilityDomain.name },
  createId: (kind) => (kind === 'device' ? regionalOcid('instance', randomUUID()) : randomUUID()),
  refuse: (status, message, headers) =>
    refuse(status === 413 ? 'PayloadTooLarge' : status < 500 ? 'InvalidParameter' : 'InternalError', message, headers),
  describeConsole: ({ sos }) =>
    `console   ssh in two hops through ${sos.host} port ${sos.port}: the connectionString of a console connection`,
  async environment({ contact, stateFolder }) {
    const { configPath, compartmentId } = await loadAccount(stateFolder)
    return {
      METAL_OCI_API_URL: contact.apiUrl,
      OCI_CLI_CONFIG_FILE: configPath,
      OCI_CLI_PROFILE: 'DEFAULT',
      METAL_OCI_COMPARTMENT: compartmentId,
      METAL_OCI_AVAILABILITY_DOMAIN: availabilityDomain.name,
      METAL_OCI_SUBNET: network.subnetId,
      // The smallest here; another is chosen with --machine.
      METAL_OCI_SHAPE: 'BM.Standard2.52',
    }
  },
  load: async () => (await import('./listeners.ts')).ociServers,
}
