// `<name>.json` as it is read back. Apart from manifest.ts because a first push has none to read, and zod takes memory.
import * as z from 'zod'

const digest = { size: z.int().nonnegative(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }

/** A manifest; fields that are not known are passed over. */
export const manifestSchema = z.object({
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
