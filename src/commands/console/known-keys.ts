// Whether a machine's console accepts one of the user's SSH keys.
import { ConsoleError } from '../../errors.ts'
import type { Identities } from '../../ssh/identities.ts'

/** @param scope what the keys belong to: `project` @throws ConsoleError, listing our keys, if it has none of them */
export function requireKnownKey(known: ReadonlySet<string>, { keys }: Identities, scope: string): void {
  if (keys.some(({ publicKey }) => known.has(publicKey))) return
  const tried = keys.map(({ label, type, fingerprint }) => `${label} (${type} ${fingerprint})`)
  throw new ConsoleError(
    `the ${scope} has none of your SSH keys, so its console would refuse you: ${tried.join(', ')}`,
    {
      hint: `add one of them to the ${scope}, or name one that it has with --identity`,
    },
  )
}
