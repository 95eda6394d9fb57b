// What a program needs to know to use the lab, as the variables that metalkit reads.
import type { Lab } from './lab.ts'

/** Names and values; the token is among them. */
export function labEnvironment(lab: Lab): Record<string, string> {
  const { host, port } = lab.sos
  return {
    METAL_API_URL: lab.apiUrl,
    METAL_API_TOKEN: lab.token,
    METAL_PROJECT_ID: lab.projectId,
    METAL_SOS: `${host.includes(':') ? `[${host}]` : host}:${String(port)}`,
    METAL_IDENTITY: lab.userKeyPath,
    METAL_KNOWN_HOSTS: lab.knownHostsPath,
  }
}
