// What a program needs to know to use the lab, as the variables that metalkit reads.
import { formatAddress } from '../address.ts'
import type { Lab } from './lab.ts'

/** Names and values; the token is among them. */
export function labEnvironment(lab: Lab): Record<string, string> {
  return {
    METAL_API_URL: lab.apiUrl,
    METAL_API_TOKEN: lab.token,
    METAL_PROJECT_ID: lab.projectId,
    METAL_SOS: formatAddress(lab.sos),
    METAL_IDENTITY: lab.userKeyPath,
    METAL_KNOWN_HOSTS: lab.knownHostsPath,
  }
}

/** What the command of a lab is told besides: that its machines end with it, whatever it leaves behind. */
export function temporaryEnvironment(lab: Lab): Record<string, string> {
  return { METAL_LAB_TEMPORARY: lab.apiUrl }
}
