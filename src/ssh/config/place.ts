// The position of a line in ssh_config, and the error that names it.
import { ConsoleError } from '../../errors.ts'

/** A line of a file; the first is 1. */
export interface ConfigPlace {
  file: string
  line: number
}

/** `ssh's configuration "FILE" line 3`, the beginning of a sentence about a line. */
export function namePlace({ file, line }: ConfigPlace): string {
  return `ssh's configuration "${file}" line ${line}`
}

/** Refuses a line. @throws ConsoleError always */
export function refuseLine(place: ConfigPlace, why: string, hint = 'correct the line; ssh refuses it too'): never {
  throw new ConsoleError(`${namePlace(place)}: ${why}`, { hint })
}
