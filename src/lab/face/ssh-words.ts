// The ssh command that reaches a console of a lab.
import type { LabContact } from './face.ts'

/** The command for a user name. */
export function sshWords({ sos, userKeyPath, knownHostsPath }: LabContact, user: string): string {
  return `ssh -p ${sos.port} -i ${userKeyPath} -o UserKnownHostsFile=${knownHostsPath} ${user}@${sos.host}`
}
