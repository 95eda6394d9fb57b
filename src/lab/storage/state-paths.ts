// The paths of the labs' files.
import { isAbsolute, join } from 'node:path'
import { homeFolder } from '../../files/home-folder.ts'

/** The folder of keys and records: $XDG_STATE_HOME/metalkit/lab, by default under ~/.local/state. A relative path is ignored. */
export function stateFolderOf(env: Readonly<Record<string, string | undefined>>): string {
  const state = env['XDG_STATE_HOME'] ?? ''
  return join(isAbsolute(state) ? state : join(homeFolder(env), '.local/state'), 'metalkit/lab')
}

/** The log of a lab in the background. */
export function logPathOf(stateFolder: string, name: string): string {
  return join(stateFolder, 'logs', `${name}.log`)
}
