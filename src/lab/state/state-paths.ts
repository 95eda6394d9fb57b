// Where labs keep their files.
import { isAbsolute, join } from 'node:path'
import { homeFolder } from '../../files/home-folder.ts'

/** Where labs keep keys and records: $XDG_STATE_HOME/metalkit/lab, by default under ~/.local/state. A relative one does not count. */
export function stateFolderOf(env: Readonly<Record<string, string | undefined>>): string {
  const state = env['XDG_STATE_HOME'] ?? ''
  return join(isAbsolute(state) ? state : join(homeFolder(env), '.local/state'), 'metalkit/lab')
}

/** Where a lab in the background writes what it says. */
export function logPathOf(stateFolder: string, name: string): string {
  return join(stateFolder, 'logs', `${name}.log`)
}
