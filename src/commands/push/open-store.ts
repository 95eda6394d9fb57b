// Opens the place of --destination: combines publishing with SSH keys and credentials.
import { PublishError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Destination } from '../../publish/destination.ts'
import { FolderStore } from '../../publish/folder.ts'
import type { Store } from '../../publish/store.ts'
import type { PushOptions } from '../../options/command-flags.ts'

/** Opens a place to publish to. @throws PublishError if it cannot be reached */
export async function openStore(destination: Destination, options: PushOptions, context: Context): Promise<Store> {
  switch (destination.kind) {
    case 'folder':
      return new FolderStore(destination.path)
    case 'sftp': {
      const { openSftpStore } = await import('../../publish/sftp.ts')
      const { describeTarget, findSsh } = await import('../shared/ssh.ts')
      const label = describeTarget('sftp', destination)
      const { connect } = await findSsh(destination, options, context, PublishError)
      return await openSftpStore({ label, path: destination.path }, () => connect(context.signal))
    }
    case 's3': {
      const { openS3Store } = await import('../../publish/s3.ts')
      return await openS3Store(destination, { ...context, endpoint: options.endpoint })
    }
    default:
      return destination satisfies never
  }
}
