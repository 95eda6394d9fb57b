// What each exit code means, for the manual page; docs/exit-codes.md has the same table.
import { exitCodes } from '../errors.ts'

const texts: Record<keyof typeof exitCodes, string> = {
  success: 'success',
  internal: 'a defect in metalkit',
  usage: 'usage: a flag, a variable or metal.yaml is wrong',
  authentication: 'authentication: the API does not accept the token',
  api: 'the API refused, has no capacity, or did not answer as it should',
  image: 'the image, the server, or a URL machines would fetch from',
  machine: 'the machine failed, vanished or took too long',
  console: 'the console could not be reached, trusted or kept',
  pattern: 'a pattern: the console did not show what was waited for, or showed a failure',
  machineLeft: 'a machine may still run: the last lines name it and how to delete it',
  lab: 'the lab could not start or run',
}

/** Code and meaning, smallest first. */
export const exitStatus: readonly (readonly [code: string, text: string])[] = [
  ...Object.entries(exitCodes).map(
    ([name, code]) => [String(code), Object.entries(texts).find(([key]) => key === name)?.[1] ?? name] as const,
  ),
  ['129, 130, 131, 143', 'interrupted by SIGHUP, SIGINT, SIGQUIT, SIGTERM; the machine is deleted'],
  ['141', 'whoever read the output went away (SIGPIPE); the machine is deleted'],
]
