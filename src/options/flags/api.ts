// Flags of the API, and of what is said.
import { boolean, count, value } from './flag.ts'
import { parseApiUrl, parseId, parseToken } from './values.ts'

export const apiFlags = {
  apiKey: value(
    {
      name: 'api-key',
      placeholder: 'token',
      env: ['METAL_API_TOKEN', 'METAL_AUTH_TOKEN'],
      config: 'token',
      secret: true,
      help: 'API token; a variable or metal.yaml keeps it out of the process list',
    },
    parseToken,
  ),
  projectId: value(
    { name: 'project-id', placeholder: 'uuid', config: 'project-id', help: 'project the machine belongs to' },
    parseId,
  ),
  apiUrl: value(
    { name: 'api-url', placeholder: 'url', fallback: 'https://api.equinix.com/metal/v1', help: 'the Metal API' },
    parseApiUrl,
  ),
  json: boolean({ name: 'json', fallback: 'false', help: 'one JSON object a line on stdout, for scripts' }),
  quiet: boolean({ name: 'quiet', short: 'q', fallback: 'false', help: 'say nothing but errors' }),
  verbose: count({ name: 'verbose', short: 'v', help: 'say more; twice, or =2, for every request' }),
}
