// The meaning of each exit code, for the manual page; docs/exit-codes.md has the same table.
import { exitCodes } from '../errors.ts'

const texts: Record<keyof typeof exitCodes, string> = {
  success: 'success',
  internal: 'a defect in metalkit',
  usage: 'usage: a flag, a variable or metal.yaml is wrong',
  authentication: 'authentication: the API refused the token',
  api: 'the API refused a request, has no capacity, or failed',
  image: 'the image, the HTTP server or a boot URL is wrong, or the files could not be pushed',
  machine: 'the machine failed, disappeared or took too long',
  console: 'the console was unreachable, not trusted or lost',
  pattern: 'a --wait-for pattern never appeared, or a failure pattern did',
  machineLeft: 'a machine may still be running: the last lines name it and how to delete it',
  lab: 'the lab or the rack could not start or run',
}

/** Code and meaning, smallest first. */
export const exitStatus: readonly (readonly [code: string, text: string])[] = [
  ...Object.entries(exitCodes).map(
    ([name, code]) => [String(code), Object.entries(texts).find(([key]) => key === name)?.[1] ?? name] as const,
  ),
  ['129, 130, 131, 143', 'interrupted by SIGHUP, SIGINT, SIGQUIT, SIGTERM; the machine is deleted'],
  ['141', 'the reader of the output went away (SIGPIPE); the machine is deleted'],
]
