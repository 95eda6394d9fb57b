// The ssh command for a console. Loads nothing of SSH itself: lists print it for every machine.
import type { Cloud, MachineRecord } from '../../machine/cloud.ts'
import type { Options } from '../../options/flags.ts'
import { quoteWord } from '../../text/shell-word.ts'

/** The ssh command that reaches the console without metalkit, with the given key and known_hosts file; undefined if there is none. */
export function sshLine(
  cloud: Cloud,
  machine: MachineRecord,
  options: Partial<Options<'identity' | 'knownHosts'>>,
): string | undefined {
  const login = cloud.consoleLogin(machine)
  if (login === undefined) return undefined
  const { address, username } = login
  return [
    'ssh',
    ...(address.port === 22 ? [] : ['-p', String(address.port)]),
    ...(options.identity ?? []).flatMap((path) => ['-i', quoteWord(path)]),
    ...(options.knownHosts === undefined ? [] : ['-o', quoteWord(`UserKnownHostsFile=${options.knownHosts}`)]),
    `${username}@${address.host}`,
  ].join(' ')
}
