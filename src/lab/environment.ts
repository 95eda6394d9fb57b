// The environment variables that point metalkit, or any other program, at a lab.
import type { LabAccess } from './ground.ts'

/** Variables by name, including the token. */
export function labEnvironment(lab: LabAccess): Record<string, string> {
  return {
    ...lab.environment,
    METAL_IDENTITY: lab.userKeyPath,
    METAL_KNOWN_HOSTS: lab.knownHostsPath,
    ...lab.trust,
  }
}

/** An additional variable for a command that runs inside a lab: it says that all machines end with the lab. */
export function temporaryEnvironment(lab: LabAccess): Record<string, string> {
  return { METAL_LAB_TEMPORARY: lab.apiUrl }
}
