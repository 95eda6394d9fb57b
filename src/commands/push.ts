// metalkit push: an image and its boot script, written to where machines can fetch them.
import { ImageError } from '../errors.ts'
import { parseDestination } from '../image/destination.ts'
import { type Image, loadImage } from '../image/image.ts'
import { pushImage } from '../image/push.ts'
import type { Context } from '../io.ts'
import { type Arch, hostArch } from '../ipxe/arch.ts'
import { bootScript, scriptName } from '../ipxe/script.ts'
import { requireOption } from '../options.ts'
import type { PushOptions } from './index.ts'

/** Pushes the image that the argument or --img-name names. */
export async function execute(
  args: readonly (string | undefined)[],
  options: PushOptions,
  context: Context,
): Promise<void> {
  const { report, signal } = context
  const baseUrl = requireOption('baseUrl', options.baseUrl)
  const destination = parseDestination(options.destination)
  const prefix = options.imgName ?? args[0] ?? 'equinixmetal'
  const image = await loadImage(prefix)
  const arch = chooseArch(image, options.arch)
  const decompress = options.decompress ?? arch === 'aarch64'
  if (image.arch === undefined) {
    report.warn(`"${image.kernel.path}" does not look like a kernel; the script is for ${arch}`)
  }
  if (!decompress && arch === 'aarch64' && image.kernelGzipped) {
    report.warn(`"${image.kernel.path}" is gzip, which iPXE on aarch64 cannot load; leave out --decompress=false`)
  }
  const script = { name: scriptName(image.name), text: bootScript({ ...image, baseUrl, arch }) }
  const files = await pushImage(image, { destination, decompress, script, signal })
  for (const file of files) {
    const asItIs = decompress && file.name !== script.name ? ', as it is (not gzip)' : ''
    report.info(`${file.name}  ${describeSize(file.sizeBytes)}${file.decompressed ? ', decompressed' : asItIs}`)
  }
  report.info(`pushed to ${destination} for ${arch}; next: metalkit serve ${quoteArgument(destination)}`)
  report.info(`and: metalkit run equinixmetal -base-url ${quoteArgument(baseUrl)} ${quoteArgument(prefix)}`)
}

/** What was asked for, else what the kernel is, else what this computer is. */
function chooseArch(image: Image, asked: Arch | undefined): Arch {
  if (asked !== undefined && image.arch !== undefined && asked !== image.arch) {
    throw new ImageError(`kernel "${image.kernel.path}" is for ${image.arch}, not for ${asked}`, {
      hint: `leave out --arch, or push an image built for ${asked}`,
    })
  }
  return asked ?? image.arch ?? hostArch()
}

function describeSize(sizeBytes: number): string {
  if (sizeBytes < 1000) return `${sizeBytes} bytes`
  const units = ['kB', 'MB', 'GB', 'TB']
  const power = Math.min(Math.floor(Math.log10(sizeBytes) / 3), units.length)
  return `${(sizeBytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`
}

/** As a shell takes it. */
function quoteArgument(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
