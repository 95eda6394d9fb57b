// `<name>.json`, which stands beside a pushed image and says what it is made of: push goes by it to leave alone what has
// not changed, verify to tell whether machines will get what was pushed.
import * as z from 'zod'
import { PublishError } from '../errors.ts'
import type { Digest } from './store.ts'

const digest = { size: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }

const manifestSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  arch: z.string(),
  cmdline: z.string(),
  /** ISO 8601. */
  made_at: z.string(),
  files: z.array(
    z.object({
      // Names become paths and URLs again: nothing that leads elsewhere.
      name: z.string().regex(/^(?!\.)[^/\\\0]+$/),
      ...digest,
      /** The file of the image it was made from, and whether what was gzip in it was to be decompressed. */
      from: z.object({ ...digest, decompress: z.boolean() }).optional(),
    }),
  ),
})

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
export function parseManifest(text: string): Manifest | undefined {
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** The manifest that a text must be. @throws PublishError */
export function requireManifest(text: string, place: string): Manifest {
  const manifest = parseManifest(text)
  if (manifest !== undefined) return manifest
  throw new PublishError(`"${place}" is not the manifest of an image`, { hint: 'push the image again' })
}

/** Whether two digests are of the same content. */
export function sameDigest(one: Digest, other: Digest): boolean {
  return one.size === other.size && one.sha256 === other.sha256
}
