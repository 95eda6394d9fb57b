// The face of Latitude.sh.
import type { Face } from '../face/face.ts'
import { sshWords } from '../face/ssh-words.ts'
import { refuse } from './model/answers.ts'
import { latitudeCatalogue, siteOf } from './model/catalogue.ts'
import { latitudeFaults } from './faults.ts'
import { randomId } from './model/ids.ts'
import { statusOf } from './model/state.ts'

const prefixes = { device: 'sv', project: 'proj', key: 'ssh' } as const

/** The API at the root of the lab's server, and out-of-band consoles. */
export const latitude: Face = {
  name: 'latitude',
  title: 'Latitude.sh',
  apiPath: '',
  catalogue: latitudeCatalogue,
  keepsFailed: true,
  faults: latitudeFaults,
  words: { plan: 'Plan', place: 'Site', stateOf: statusOf, placeOf: ({ metro }) => siteOf(metro) },
  selfTestMs: 10_000,
  createId: (kind) => randomId(prefixes[kind]),
  refuse,
  describeConsole: (contact) => `console   ${sshWords(contact, '<server-N>')}`,
  environment: ({ contact }) => ({
    LATITUDESH_API_URL: contact.apiUrl,
    LATITUDESH_AUTH_TOKEN: contact.token,
    LATITUDESH_PROJECT: contact.projectId,
    LATITUDESH_SITE: 'DAL',
    LATITUDESH_PLAN: 'c3-small-x86',
  }),
  load: async () => (await import('./listeners.ts')).latitudeServers,
}
