// Errors of Node's system calls, in the system's words.
import { getSystemErrorMap } from 'node:util'
import { messageOf } from '../errors.ts'

/** The code of a Node system error (`ENOENT`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Plainer wordings of system errors. */
const plainer: Record<string, string> = {
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  // Node gives this code to any end of a connection before the answer.
  ECONNRESET: 'the connection was closed',
}

/** The system's wording of an error: "no space left on device", not ENOSPC. */
export function describeCondition(error: unknown): string {
  const code = errorCode(error)
  if (code === undefined) return messageOf(error)
  const known = [...getSystemErrorMap().values()].find(([name]) => name === code)
  return plainer[code] ?? known?.[1] ?? code
}
