import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A path at which there is nothing, on any computer. */
export const nowhere = join(tmpdir(), `metalkit-nowhere-${randomUUID()}`)
