// The image where machines fetch it: served from here or elsewhere, and checked.
import { basename } from 'node:path'
import type { Arch } from '../../arch.ts'
import type { Context } from '../../io.ts'
import { filesOf } from '../../ipxe/boot-script.ts'
import type { RunOptions } from '../../options/command-flags.ts'
import { Resources } from '../../resources.ts'
import { checkUrls, hintOfUrls } from '../../serve/check-urls.ts'
import type { Server } from '../../serve/server.ts'
import type { CloudRow } from '../clouds/clouds.ts'

const urlTimeoutMs = 30_000

/** The parts of an offer: the image, the way to it, and the machine that is to boot it. */
export interface OfferParts {
  prefix: string
  baseUrl: string
  /** The URL of the tunnel that leads to this computer, if there is one. */
  tunnelUrl: string | undefined
  arch: Arch
  plan: string
  row: CloudRow
}

/** An image that machines can fetch. */
export interface ReadyImage {
  scriptUrl: string
  /** Undefined if the image is served elsewhere. */
  server: Server | undefined
}

/** Serves the image if it is served from here, and checks that machines can fetch it. @throws ImageError or ServeError */
export async function offerImage(image: OfferParts, options: RunOptions, context: Context): Promise<ReadyImage> {
  const { prefix, baseUrl, tunnelUrl, row } = image
  const { signal, env, report } = context
  await using held = new Resources()
  let server: Server | undefined
  if (options.serve !== undefined) {
    const { serveImage } = await import('./serve-image.ts')
    server = held.use(await serveImage(image, options.serve, context))
  }
  const urls = filesOf(basename(prefix), row.script).map((file) => `${baseUrl}/${file}`)
  const hint =
    tunnelUrl === undefined
      ? hintOfUrls(baseUrl, server?.address.port)
      : `check that the base URL leads to the tunnel, ${tunnelUrl}`
  await checkUrls(urls, { signal, timeoutMs: urlTimeoutMs, env, hint, report })
  held.keep()
  return { scriptUrl: urls[0] ?? '', server }
}
