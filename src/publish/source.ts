// A file of the image on its way: read once, digested before and behind what changes it.
import { Digester, digestFile, readSource } from './digest.ts'
import { type ManifestFile, sameDigest } from './manifest.ts'
import { runAll } from './run-all.ts'
import type { Staged, Store } from './store.ts'

/** Changes a file's bytes on the way; what became of them is in `outcome` once all have passed. */
type Convert = (bytes: AsyncIterable<Buffer>, outcome: { decompressed: boolean }) => AsyncIterable<Buffer>

/** A file of the image; size in bytes. */
export interface Source {
  /** Its name where it is published. */
  name: string
  path: string
  size: number
  /** Absent where it is copied as it is. */
  convert?: Convert | undefined
}

/** The manifest's entry of a file that stands there already as it should; undefined where it is to be written. */
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

/** What tells the content that will be written from any other. */
export async function sourceKey(source: Source, signal: AbortSignal): Promise<string> {
  const { sha256 } = await digestFile(source.path, signal)
  return `${sha256.slice(0, 16)}${source.convert === undefined ? '' : '-decompressed'}`
}

/** A file that was written: its entry for the manifest, and whether anything in it was decompressed. */
export interface Written {
  entry: ManifestFile
  decompressed: boolean
}

/** Writes a file, all but putting it in its place. */
export async function writeSource(
  staged: Staged,
  { name, path, convert }: Source,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<Written> {
  const read = new Digester()
  const bytes = read.tap(readSource(path, onBytes))
  if (convert === undefined) {
    // Where the file system copies by itself, the file is read for its digest meanwhile.
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
