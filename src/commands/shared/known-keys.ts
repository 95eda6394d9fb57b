// The SSH keys that a machine's console accepts: the project's and the user's, as the API lists them.
import type { Identities } from '../../ssh/identities.ts'
import { ApiError, ConsoleError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { MetalClient } from '../../metal/client.ts'

/** Type and base64, without the comment. */
function keyOf(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(' ')
}

/** The keys that a machine of the project gets, as type and base64; undefined if the API does not list them. */
export async function listKnownKeys(
  client: MetalClient,
  projectId: string,
  { report, signal }: Context,
): Promise<ReadonlySet<string> | undefined> {
  try {
    const [keys, own] = await Promise.all([
      client.listSshKeys(projectId, signal),
      // A project token has no user, and so no user keys.
      client.listOwnSshKeys(signal).catch((error: unknown) => {
        if (error instanceof ApiError) return []
        throw error
      }),
    ])
    return new Set([...keys, ...own].map(({ key }) => keyOf(key)))
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    report.detail(`cannot check whether the project has one of your SSH keys: ${error.message}`)
    return undefined
  }
}

/** @throws ConsoleError, listing our keys, if the project has none of them */
export function requireKnownKey(known: ReadonlySet<string>, { keys }: Identities): void {
  if (keys.some(({ publicKey }) => known.has(publicKey))) return
  const tried = keys.map(({ label, type, fingerprint }) => `${label} (${type} ${fingerprint})`)
  throw new ConsoleError(
    `the project has none of your SSH keys, so its console would refuse you: ${tried.join(', ')}`,
    {
      hint: 'add one of them to the project, or name one that it has with --identity',
    },
  )
}
