// metalkit push: an image and its boot script, written to where machines can fetch them.
import { ImageError } from '../../errors.ts'
import { contentsOf } from '../../image/content.ts'
import { type Image, loadImage } from '../../image/image.ts'
import type { Context } from '../../io.ts'
import { type Arch, hostArch } from '../../arch.ts'
import { bootScript, scriptName } from '../../ipxe/boot-script.ts'
import { requireOption } from '../../options/precedence.ts'
import { parseDestination } from '../../publish/destination.ts'
import { publishImage, type PublishedFile } from '../../publish/publish.ts'
import type { PushOptions } from '../../options/command-flags.ts'
import type { CloudRow } from '../clouds/clouds.ts'
import { quoteWord } from '../../text/shell-word.ts'
import { openStore } from './open-store.ts'
import { formatSize } from '../../text/byte-size.ts'
import { showTransfer } from '../shared/transfer-line.ts'

/** `push <cloud>`: pushes the image of the argument or of --img-name. */
export async function pushFor(row: CloudRow, name: string, options: PushOptions, context: Context): Promise<void> {
  const { report, signal } = context
  const { dryRun } = options
  const baseUrl = requireOption('baseUrl', options.baseUrl)
  const destination = parseDestination(options.destination)
  const prefix = options.imgName ?? name
  const image = await loadImage(prefix)
  const arch = chooseArch(image, options.arch)
  const decompress = options.decompress ?? arch === 'aarch64'
  if (image.arch === undefined) {
    report.warn(`"${image.kernel.path}" does not look like a kernel; the script is for ${arch}`)
  }
  if (!decompress && arch === 'aarch64' && image.kernelCompression !== undefined) {
    report.warn(
      `"${image.kernel.path}" is ${image.kernelCompression}, which iPXE on aarch64 cannot load; omit --decompress=false`,
    )
  }
  const script = {
    name: scriptName(image.name, row.script),
    text: bootScript({ ...image, baseUrl, arch, cloud: row.script }),
  }
  await using store = await openStore(destination, options, context)
  const files = await showTransfer(report, 'pushing', (transfer) =>
    publishImage(store, {
      image: { name: image.name, arch, cmdline: image.cmdline },
      sources: contentsOf(image, { decompress }),
      script,
      dryRun,
      onStart: (bytes) => transfer.start(bytes),
      onBytes: (count) => transfer.add(count),
      now: new Date(),
      signal,
    }),
  )
  const images = new Set([image.kernel.path, image.initrd.path].map((path) => path.slice(path.lastIndexOf('/') + 1)))
  for (const file of files) report.info(describeFile(file, decompress && images.has(file.name), dryRun))
  const place = destination.kind === 'folder' ? destination.path : options.destination
  if (dryRun) {
    report.info(`nothing was written to ${place} (--dry-run)`)
    return
  }
  const next = destination.kind === 'folder' ? `; next: metalkit serve${portFlag(baseUrl)} ${quoteWord(place)}` : ''
  report.info(`pushed to ${place} for ${arch}${next}`)
  report.info(`check: metalkit verify ${quoteWord(baseUrl)} ${quoteWord(image.name)}`)
  // The default plan is for x86_64.
  const plan = arch === 'aarch64' ? ` -machine ${row.plans.aarch64}` : ''
  report.info(`and: metalkit run ${row.name}${plan} -base-url ${quoteWord(baseUrl)} ${quoteWord(prefix)}`)
}

/** The flag that makes serve listen on the base URL's port; empty for serve's default port and for a URL without a port. */
function portFlag(baseUrl: string): string {
  const { protocol, port } = new URL(baseUrl)
  return protocol === 'https:' || port === '' || port === '8080' ? '' : ` --port :${port}`
}

/** The architecture of --arch, else the kernel's, else this computer's. */
function chooseArch(image: Image, arch: Arch | undefined): Arch {
  if (arch !== undefined && image.arch !== undefined && arch !== image.arch) {
    throw new ImageError(`kernel "${image.kernel.path}" is for ${image.arch}, not for ${arch}`, {
      hint: `omit --arch, or push an image built for ${arch}`,
    })
  }
  return arch ?? image.arch ?? hostArch()
}

/** `linuxkit-kernel  20.0 kB, decompressed`. */
function describeFile(
  { name, size, unchanged, decompressed }: PublishedFile,
  wanted: boolean,
  dryRun: boolean,
): string {
  const notes = [size === undefined ? 'decompressed' : formatSize(size)]
  if (unchanged) notes.push('unchanged')
  else if (dryRun) notes.push('would be written')
  else if (decompressed) notes.push('decompressed')
  else if (wanted) notes.push('unchanged (not compressed)')
  return `${name}  ${notes.join(', ')}`
}
