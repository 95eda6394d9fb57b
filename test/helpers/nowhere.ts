import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A path that does not exist on any computer. */
export const nowhere = join(tmpdir(), `metalkit-nowhere-${randomUUID()}`)
