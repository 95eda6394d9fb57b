// A file of the image on its way to a store: read once, digested before and after its transformation.
import { Digester, digestFile, readSource } from './digest.ts'
import { type ManifestFile, sameDigest } from './manifest.ts'
import { runAll } from './parallel.ts'
import type { Staged, Store } from './store.ts'

/** Transforms a file's bytes on the way; `outcome` describes the result once all bytes have passed. */
type Convert = (bytes: AsyncIterable<Buffer>, outcome: { decompressed: boolean }) => AsyncIterable<Buffer>

/** A file of the image; size in bytes. */
export interface Source {
  /** Its published name. */
  name: string
  path: string
  size: number
  /** Absent if the file is copied unchanged. */
  convert?: Convert | undefined
}

/** The manifest entry of a file that is already published and unchanged; undefined if it must be written. */
export async function findUnchanged(
  store: Store,
  source: Source,
  known: ManifestFile | undefined,
  signal: AbortSignal,
): Promise<ManifestFile | undefined> {
  const from = known?.from
  if (from === undefined || from.size !== source.size || from.decompress !== (source.convert !== undefined)) {
    return undefined
  }
  const now = await digestFile(source.path, signal)
  return sameDigest(now, from) && (await store.holds(source.name, known ?? from, signal)) ? known : undefined
}

/** A key that identifies the content to be written. */
export async function sourceKey(source: Source, signal: AbortSignal): Promise<string> {
  const { sha256 } = await digestFile(source.path, signal)
  return `${sha256.slice(0, 16)}${source.convert === undefined ? '' : '-decompressed'}`
}

/** A written file: its manifest entry, and whether any part of it was decompressed. */
export interface Written {
  entry: ManifestFile
  decompressed: boolean
}

/** Stages a file completely, without committing it. */
export async function writeSource(
  staged: Staged,
  { name, path, convert }: Source,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<Written> {
  const read = new Digester()
  const bytes = read.tap(readSource(path, onBytes))
  if (convert === undefined) {
    // If the file system copies by itself, the file is read for its digest at the same time.
    if (staged.copy === undefined) await staged.write(bytes, signal)
    else {
      const copy = async (either: AbortSignal) => await staged.copy?.(path, either)
      await runAll([(either) => read.add(path, onBytes, either), copy], signal)
    }
    const digest = read.digest()
    return { entry: { name, ...digest, from: { ...digest, decompress: false } }, decompressed: false }
  }
  const written = new Digester()
  const outcome = { decompressed: false }
  await staged.write(written.tap(convert(bytes, outcome)), signal)
  return { entry: { name, ...written.digest(), from: { ...read.digest(), decompress: true } }, ...outcome }
}
