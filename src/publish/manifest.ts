// `<name>.json`, which stands beside a pushed image and says what it is made of: push goes by it to leave alone what has
// not changed, verify to tell whether machines will get what was pushed.
import type * as z from 'zod'
import { VerifyError } from '../errors.ts'
import type { manifestSchema } from './manifest-schema.ts'
import type { Digest } from './store.ts'

/** What stands in `<name>.json`. */
export type Manifest = z.infer<typeof manifestSchema>

/** A file of it. */
export type ManifestFile = Manifest['files'][number]

/** The manifest's file name. */
export function manifestName(name: string): string {
  return `${name}.json`
}

/** The text of a manifest. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}

/** The manifest that a text is, undefined where it is none. */
export async function parseManifest(text: string): Promise<Manifest | undefined> {
  const { manifestSchema } = await import('./manifest-schema.ts')
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** The manifest that a text must be. @throws VerifyError */
export async function requireManifest(text: string, place: string): Promise<Manifest> {
  const manifest = await parseManifest(text)
  if (manifest !== undefined) return manifest
  throw new VerifyError(`"${place}" is not the manifest of an image`, { hint: 'push the image again' })
}

/** Whether two digests are of the same content. */
export function sameDigest(one: Digest, other: Digest): boolean {
  return one.size === other.size && one.sha256 === other.sha256
}
