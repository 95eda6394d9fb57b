// The place that --destination names, opened: what rooms know of connections, keys and credentials comes together here.
import { UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import type { Destination } from '../publish/destination.ts'
import { FolderStore } from '../publish/folder.ts'
import type { Store } from '../publish/store.ts'
import type { PushOptions } from './index.ts'

/** Opens a place to publish to. @throws PublishError where it cannot be reached */
export async function openStore(destination: Destination, _options: PushOptions, _context: Context): Promise<Store> {
  if (destination.kind === 'folder') return new FolderStore(destination.path)
  throw new UsageError(`${destination.kind}: is not a destination yet`)
}
