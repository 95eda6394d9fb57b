// Writes an image and its script to a folder that machines can fetch from.
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openReader } from './byte-reader.ts'
import { decompressInitrd, decompressKernel, type Outcome } from './decompress.ts'
import type { Image } from './image.ts'
import { stageFile, type StagedFile, writeError } from './staged-file.ts'

/** Where and how an image is pushed. */
export interface PushOptions {
  /** A folder; made if need be. */
  destination: string
  decompress: boolean
  script: { name: string; text: string }
  signal: AbortSignal
}

/** A file that push wrote. */
export interface PushedFile {
  name: string
  sizeBytes: number
  /** It was gzip, or had gzip in it, and no longer has. */
  decompressed: boolean
}

/**
 * Writes kernel, initrd and script: none is put in its place before all are whole on the disk, and the script comes last,
 * so that no machine sees one before its files. A file of the image itself may stand at its destination.
 * @throws ImageError when a file is damaged or cannot be written, the signal's reason when it is aborted
 */
export async function pushImage(image: Image, options: PushOptions): Promise<PushedFile[]> {
  const { destination, decompress, script, signal } = options
  await mkdir(destination, { recursive: true }).catch((error: unknown) => {
    throw writeError(destination, error)
  })
  await using kernel = await stageFile(join(destination, basename(image.kernel.path)))
  await using initrd = await stageFile(join(destination, basename(image.initrd.path)))
  await using text = await stageFile(join(destination, script.name))

  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const fill = async (file: StagedFile, source: string, format: typeof decompressKernel): Promise<Outcome> => {
    try {
      const outcome = { decompressed: false }
      if (decompress) await writeDecompressed(file, source, format, outcome, either)
      else await file.copy(source, either)
      return outcome
    } catch (error) {
      failed.abort(error)
      throw error
    }
  }
  // Both have stopped, one by the failure of the other, before what they wrote is removed.
  const settled = await Promise.allSettled([
    fill(kernel, image.kernel.path, decompressKernel),
    fill(initrd, image.initrd.path, decompressInitrd),
  ])
  either.throwIfAborted()
  await text.write(script.text, signal)
  const outcomes = [...settled.map((one) => one.status === 'fulfilled' && one.value.decompressed), false]
  const pushed: PushedFile[] = []
  for (const [index, file] of [kernel, initrd, text].entries()) {
    const sizeBytes = await file.commit()
    pushed.push({ name: basename(file.path), sizeBytes, decompressed: outcomes[index] === true })
  }
  return pushed
}

async function writeDecompressed(
  file: StagedFile,
  source: string,
  format: typeof decompressKernel,
  outcome: Outcome,
  signal: AbortSignal,
): Promise<void> {
  await using reader = openReader(source)
  await file.write(format(reader, outcome), signal)
}
