// `<name>.json`, which lies beside a pushed image and lists its files: push uses it to skip files that have
// not changed, and verify to check that machines will get the pushed files.
import type * as z from 'zod'
import { VerifyError } from '../errors.ts'
import { readJson } from '../text/json.ts'
import type { manifestSchema } from './manifest-schema.ts'
import type { Digest } from './store.ts'

/** The contents of `<name>.json`. */
export type Manifest = z.infer<typeof manifestSchema>

/** A file in the manifest. */
export type ManifestFile = Manifest['files'][number]

/** The manifest's file name. */
export function manifestName(name: string): string {
  return `${name}.json`
}

/** The text of a manifest. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}

/** Parses a manifest; undefined if the text is not a manifest. */
export async function parseManifest(text: string): Promise<Manifest | undefined> {
  const { manifestSchema } = await import('./manifest-schema.ts')
  return manifestSchema.safeParse(readJson(text)).data
}

/** Parses a manifest. @throws VerifyError if the text is not a manifest */
export async function requireManifest(text: string, place: string): Promise<Manifest> {
  const manifest = await parseManifest(text)
  if (manifest !== undefined) return manifest
  throw new VerifyError(`"${place}" is not the manifest of an image`, { hint: 'push the image again' })
}

/** True if two digests are of the same content. */
export function sameDigest(a: Digest, b: Digest): boolean {
  return a.size === b.size && a.sha256 === b.sha256
}
