// metalkit verify: checks that machines get the files that were pushed.
import { VerifyError, UsageError } from '../errors.ts'
import type { Context } from '../io.ts'
import { ipxeProblem } from '../ipxe-url.ts'
import { parseDestination } from '../publish/destination.ts'
import { FolderPlace } from '../publish/folder.ts'
import { type PublishedPlace, verifyImage } from '../publish/verify.ts'
import { formatSize } from '../text/byte-size.ts'
import { showTransfer } from './shared/transfer-line.ts'

/** Verifies an image at a base URL or in a folder. */
export async function execute(
  { place: where, name }: { place: string; name: string },
  _options: object,
  { report, signal }: Context,
): Promise<void> {
  await using place = await openPlace(where, report)
  const { manifest, findings } = await showTransfer(report, 'verifying', (transfer) =>
    verifyImage(place, name, {
      onStart: (bytes) => transfer.start(bytes),
      onBytes: (count) => transfer.add(count),
      signal,
    }),
  )
  for (const { name: file, size, problem } of findings) {
    if (problem === undefined) report.info(`${file}  ${formatSize(size)}, as it was pushed`)
    else report.warn(`"${place.locate(file)}" ${problem}`)
  }
  const wrong = findings.filter(({ problem }) => problem !== undefined).length
  if (wrong > 0) {
    throw new VerifyError(`${wrong} of ${findings.length} files of "${name}" differ from what was pushed`, {
      hint: 'push the image again, and check that no cache in between serves older files',
    })
  }
  report.info(`${name} for ${manifest.arch}, pushed ${manifest.made_at}: all ${findings.length} files are correct`)
}

async function openPlace(where: string, report: Context['report']): Promise<PublishedPlace> {
  if (!/^https?:\/\//i.test(where)) {
    const destination = parseDestination(where, 'place')
    if (destination.kind === 'folder') return new FolderPlace(destination.path)
    throw new UsageError(`"${where}" is neither a folder nor the URL that machines fetch from`, {
      hint: 'pass the base URL, http or https',
    })
  }
  if (!URL.canParse(where))
    throw new UsageError(`"${where}" is not a URL`, { hint: 'write it as http://host[:port]/path' })
  const problem = ipxeProblem(where)
  if (problem !== undefined) {
    throw new UsageError(`machines cannot fetch from "${where}": ${problem}`, {
      hint: 'pass a base URL that iPXE can read, http://host[:port]/path',
    })
  }
  const { WebPlace } = await import('../publish/web-place.ts')
  return new WebPlace(where, report)
}
