// Flags of Latitude.sh. The credentials have the variables of other programs for it.
import { value } from './flag.ts'
import { parseApiUrl, parseId, parseText, parseToken } from './values.ts'

export const latitudeFlags = {
  latitudePlan: value(
    {
      name: 'machine',
      placeholder: 'plan',
      env: ['LATITUDESH_PLAN'],
      computed: 'c3-small-x86',
      help: 'plan of the machine to rent',
    },
    parseText,
  ),
  latitudeSite: value(
    {
      name: 'metro',
      placeholder: 'site',
      env: ['LATITUDESH_SITE'],
      computed: 'one that has the plan',
      help: 'site in which to rent the machine: DAL',
    },
    parseText,
  ),
  latitudeApiKey: value(
    {
      name: 'api-key',
      placeholder: 'key',
      env: ['LATITUDESH_AUTH_TOKEN'],
      secret: true,
      help: 'API key; use the variable to keep it out of the process list',
    },
    parseToken,
  ),
  latitudeProject: value(
    {
      name: 'project-id',
      placeholder: 'id',
      env: ['LATITUDESH_PROJECT'],
      help: 'on-demand project that owns the machines, by its id or slug',
    },
    parseId,
  ),
  latitudeApiUrl: value(
    {
      name: 'api-url',
      placeholder: 'url',
      env: ['LATITUDESH_API_URL'],
      fallback: 'https://api.latitude.sh',
      help: 'base URL of the Latitude.sh API',
    },
    parseApiUrl,
  ),
}
