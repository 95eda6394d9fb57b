// The image of `run -serve`: loads it, checks that it suits the machine, and serves its three files.
import { heed } from '../../deadline.ts'
import { ImageError } from '../../errors.ts'
import { type Image, loadImage } from '../../image/image.ts'
import { openSteady } from '../../image/steady-file.ts'
import type { Context } from '../../io.ts'
import type { Arch } from '../../arch.ts'
import type { CloudRow } from '../clouds/clouds.ts'
import { bootScript, initrdName, kernelName, scriptName } from '../../ipxe/boot-script.ts'
import type { Address } from '../../address.ts'
import { type Server, startServer } from '../../serve/server.ts'
import { reportServed } from '../shared/server-activity.ts'

/** Refuses an image that cannot run on the machine. */
function checkArch(image: Image, arch: Arch, plan: string, { plans }: CloudRow): void {
  const { path } = image.kernel
  if (image.arch !== arch) {
    const is =
      image.arch === undefined ? 'is not a kernel (neither bzImage nor arm64 Image)' : `is an ${image.arch} kernel`
    const suchAs = image.arch === undefined ? '' : ` (such as ${plans[image.arch]})`
    throw new ImageError(`"${path}" ${is}, but the plan ${plan} boots ${arch}`, {
      hint: `build the image for ${arch}, or choose another --machine${suchAs} or --arch`,
    })
  }
  if (arch === 'aarch64' && image.kernelCompression !== undefined) {
    throw new ImageError(`"${path}" is compressed, and iPXE on aarch64 cannot boot compressed kernels`, {
      hint: 'decompress it with metalkit push -decompress, and run from there',
    })
  }
}

/** Serves the three files of an image, and nothing else. @throws ImageError or ServeError */
export async function serveImage(
  image: { prefix: string; baseUrl: string; arch: Arch; plan: string; row: CloudRow },
  listen: Address,
  { report, signal, forced }: Context,
): Promise<Server> {
  const { baseUrl, arch, plan, row } = image
  const loaded = await heed(loadImage(image.prefix), signal)
  checkArch(loaded, arch, plan, row)
  const { name, kernel, initrd, cmdline } = loaded
  const text = bootScript({ name, baseUrl, arch, cmdline, cloud: row.script })
  report.debug(`the iPXE script:\n${text}`)
  const files = [await openSteady(kernel.path, signal), await openSteady(initrd.path, signal)] as const
  const [kernelFile, initrdFile] = files
  if (files.some(({ isCopy }) => isCopy)) {
    report.info('The image is on a file system that may hang, so a copy is served; after a new build, start a new run.')
  }
  const content = new Map([
    [scriptName(name, row.script), { text }],
    [kernelName(name), { path: kernelFile.path }],
    [initrdName(name), { path: initrdFile.path }],
  ])
  const server = await startServer({ listen, content: { kind: 'files', files: content }, report, forced })
  reportServed(server, report)
  report.info(`Serving the image ${name} at ${server.url}`)
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      for (const file of files) await file[Symbol.asyncDispose]()
    },
  }
}
