// The table of flags; its rows are in flags/, in one file per heading of the help.
import type { Flag } from './flags/flag.ts'
import { apiFlags } from './flags/api.ts'
import { consoleFlags } from './flags/console.ts'
import { imageFlags } from './flags/image.ts'
import { labFlags } from './flags/lab.ts'
import { latitudeFlags } from './flags/latitude.ts'
import { machineFlags } from './flags/machine.ts'
import { ociFlags } from './flags/oci.ts'
import { rackFlags } from './flags/rack.ts'
import { watchFlags } from './flags/watch.ts'

/** All flags of all commands. The key is the name in code. */
export const flags = {
  ...imageFlags,
  ...machineFlags,
  ...consoleFlags,
  ...watchFlags,
  ...apiFlags,
  ...latitudeFlags,
  ...ociFlags,
  ...labFlags,
  ...rackFlags,
} as const satisfies Record<string, Flag>

/** A flag's name in code. */
export type FlagName = keyof typeof flags

/** The flags of every command. */
export const globalFlagNames = ['quiet', 'verbose'] as const satisfies readonly FlagName[]

/** The flags under the headings of the help, in its order. */
export const groups: readonly { heading: string; names: readonly FlagName[] }[] = [
  { heading: 'Image and server', names: namesOf(imageFlags) },
  { heading: 'Machine', names: namesOf(machineFlags) },
  { heading: 'Console', names: namesOf(consoleFlags) },
  { heading: 'What the console shows', names: namesOf(watchFlags) },
  { heading: 'Latitude.sh', names: namesOf(latitudeFlags) },
  { heading: 'Oracle Cloud', names: namesOf(ociFlags) },
  { heading: 'API and output', names: namesOf(apiFlags) },
  { heading: 'Lab', names: namesOf(labFlags) },
  { heading: 'Rack', names: namesOf(rackFlags) },
]

function namesOf(members: Partial<typeof flags>): FlagName[] {
  return Object.keys(members).filter((name): name is FlagName => name in flags)
}

/** The values of some flags, as commands get them. */
export type Options<N extends FlagName> = { [K in N]: (typeof flags)[K] extends Flag<infer T> ? T : never }
