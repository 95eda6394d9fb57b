// The table of faces, by the names of --cloud.
import { equinixMetal } from './api/face.ts'
import type { Face } from './face/face.ts'
import { latitude } from './latitude/face.ts'
import { oracleCloud } from './oci/face.ts'

/** Every face. */
export const faces = { equinixmetal: equinixMetal, latitude, oci: oracleCloud } as const satisfies Record<string, Face>
