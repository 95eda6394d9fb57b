// Flags of the API and of the output.
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
      help: 'API token; use a variable or metal.yaml to keep it out of the process list',
    },
    parseToken,
  ),
  projectId: value(
    { name: 'project-id', placeholder: 'uuid', config: 'project-id', help: 'project that owns the machines' },
    parseId,
  ),
  apiUrl: value(
    {
      name: 'api-url',
      placeholder: 'url',
      fallback: 'https://api.equinix.com/metal/v1',
      help: 'base URL of the Metal API',
    },
    parseApiUrl,
  ),
  json: boolean({ name: 'json', fallback: 'false', help: 'write one JSON object per line to stdout, for scripts' }),
  quiet: boolean({ name: 'quiet', short: 'q', fallback: 'false', help: 'print errors only' }),
  verbose: count({ name: 'verbose', short: 'v', help: 'print more details; -vv or -v=2 prints every request' }),
}
