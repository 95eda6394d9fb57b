// The face of Equinix Metal.
import { randomUUID } from 'node:crypto'

import { formatAddress } from '../../address.ts'
import { labCatalogue } from '../cloud/lab-catalogue.ts'
import type { Face } from '../face/face.ts'
import { sshWords } from '../face/ssh-words.ts'
import { metalFaults } from '../faults/fault-kinds.ts'
import { refuse } from '../web/answer.ts'

/** The Metal API under /metal/v1, as at api.equinix.com, and its Serial over SSH. */
export const equinixMetal: Face = {
  name: 'equinixmetal',
  title: 'Equinix Metal',
  apiPath: '/metal/v1',
  catalogue: labCatalogue,
  keepsFailed: false,
  faults: metalFaults,
  words: { plan: 'Plan', place: 'Metro', stateOf: ({ state }) => state, placeOf: ({ metro }) => metro.code },
  createId: () => randomUUID(),
  refuse,
  describeConsole: (contact) => `SOS       ${sshWords(contact, '<device>')}`,
  environment: ({ contact }) => ({
    METAL_API_URL: contact.apiUrl,
    METAL_API_TOKEN: contact.token,
    METAL_PROJECT_ID: contact.projectId,
    METAL_SOS: formatAddress(contact.sos),
  }),
  load: async () => (await import('./listeners.ts')).metalServers,
}
