// Parses `<name>.json`. Separate from manifest.ts because a first push has no manifest to read, and zod takes memory.
import * as z from 'zod'

const digest = { size: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }

/** A manifest; unknown fields are ignored. */
export const manifestSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  arch: z.string(),
  cmdline: z.string(),
  /** ISO 8601. */
  made_at: z.string(),
  files: z.array(
    z.object({
      // Names become paths and URLs again, so they must not lead elsewhere.
      name: z.string().regex(/^(?!\.)[^/\\\0]+$/),
      ...digest,
      /** The source file of the image, and whether its gzip parts were to be decompressed. */
      from: z.object({ ...digest, decompress: z.boolean() }).optional(),
    }),
  ),
})
