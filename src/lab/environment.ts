// The environment variables that point metalkit, or any other program, at a lab.
import { formatAddress } from '../address.ts'
import type { LabContact } from './ground.ts'

/** Variables by name, including the token. */
export function labEnvironment(lab: LabContact): Record<string, string> {
  return {
    METAL_API_URL: lab.apiUrl,
    METAL_API_TOKEN: lab.token,
    METAL_PROJECT_ID: lab.projectId,
    METAL_SOS: formatAddress(lab.sos),
    METAL_IDENTITY: lab.userKeyPath,
    METAL_KNOWN_HOSTS: lab.knownHostsPath,
    ...lab.trust,
  }
}

/** An additional variable for a command that runs inside a lab: it says that all machines end with the lab. */
export function temporaryEnvironment(lab: LabContact): Record<string, string> {
  return { METAL_LAB_TEMPORARY: lab.apiUrl }
}
