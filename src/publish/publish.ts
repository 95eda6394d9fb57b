// Publishes an image, all or nothing: kernel and initrd in parallel, then the manifest and, last, the script.
import { digestText } from './digest.ts'
import { formatManifest, type Manifest, manifestName, parseManifest, sameDigest } from './manifest.ts'
import { runAll } from './parallel.ts'
import { findUnchanged, sourceKey, type Source, type Written, writeSource } from './source.ts'
import type { Staged, Store } from './store.ts'

/** What to publish, and how. */
export interface PublishOptions {
  image: { name: string; arch: string; cmdline: string }
  sources: readonly Source[]
  script: { name: string; text: string }
  /** Reports what would be done without doing it. */
  dryRun: boolean
  /** Called before any write with the number of bytes that will be read. */
  onStart?: (bytes: number) => void
  /** Called with the number of bytes just read for writing. */
  onBytes?: (count: number) => void
  now: Date
  signal: AbortSignal
}

/** What happened to a file, or would happen without the dry run. */
export interface PublishedFile {
  name: string
  /** In bytes; undefined in a dry run if only decompression would tell. */
  size: number | undefined
  unchanged: boolean
  /** True if the file was compressed, or had compressed parts, and was decompressed. */
  decompressed: boolean
}

/** Staged files, which are discarded together. */
class StagedFiles implements AsyncDisposable {
  readonly #files: Staged[] = []

  async stage(store: Store, name: string, key: string | undefined, signal: AbortSignal): Promise<Staged> {
    const file = await store.stage(name, { key, signal })
    this.#files.push(file)
    return file
  }

  /** Commits the files one after the other, in the order in which they were staged. */
  async commit(): Promise<void> {
    for (const file of this.#files) await file.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map((file) => file[Symbol.asyncDispose]()))
  }
}

/**
 * Writes the changed files of an image. No file is moved into place before all of them are complete, and the script
 * comes last, so that no machine sees a script before its files. The destination may contain the image's own files.
 * @throws ImageError or PublishError when a file is damaged or cannot be written, the signal's reason when it is aborted
 */
export async function publishImage(store: Store, options: PublishOptions): Promise<PublishedFile[]> {
  const { image, sources, script, dryRun, onBytes = () => {}, signal } = options
  const knownText = await store.readText(manifestName(image.name), signal)
  const known = knownText === undefined ? undefined : await parseManifest(knownText)
  const entryOf = (name: string) => known?.files.find((file) => file.name === name)
  const planned = await runAll(
    sources.map((source) => async (either) => ({
      source,
      before: await findUnchanged(store, source, entryOf(source.name), either),
    })),
    signal,
  )
  const scriptEntry = { name: script.name, ...digestText(script.text) }
  const scriptBefore = entryOf(script.name)
  const scriptStands =
    scriptBefore !== undefined &&
    sameDigest(scriptBefore, scriptEntry) &&
    (await store.holds(script.name, scriptEntry, signal))

  await using staged = new StagedFiles()
  const fill: ((either: AbortSignal) => Promise<Written>)[] = []
  for (const { source, before } of planned) {
    const { name, size } = source
    if (before !== undefined || dryRun) {
      const entry = before ?? { name, size, sha256: '' }
      fill.push(() => Promise.resolve({ entry, decompressed: false }))
      continue
    }
    const key = store.resumes ? await sourceKey(source, signal) : undefined
    const file = await staged.stage(store, name, key, signal)
    fill.push((either) => writeSource(file, source, onBytes, either))
  }
  const changed = planned.filter(({ before }) => before === undefined)
  if (!dryRun) options.onStart?.(changed.reduce((sum, { source }) => sum + source.size, 0))
  const written = await runAll(fill, signal)

  const header = { version: 1 as const, ...image, made_at: options.now.toISOString() }
  const manifest: Manifest = { ...header, files: [...written.map(({ entry }) => entry), scriptEntry] }
  const manifestText = formatManifest(manifest)
  const same = changed.length === 0 && scriptStands && known?.arch === image.arch && known.cmdline === image.cmdline
  const texts = [
    { name: manifestName(image.name), text: manifestText, unchanged: same },
    { name: script.name, text: script.text, unchanged: scriptStands },
  ]
  if (!dryRun) {
    for (const { name, text, unchanged } of texts) {
      if (!unchanged) await (await staged.stage(store, name, undefined, signal)).write(text, signal)
    }
    await staged.commit()
  }
  return [
    ...written.map(({ entry, decompressed }, index) => {
      const unchanged = planned[index]?.before !== undefined
      const unknown = dryRun && !unchanged && planned[index]?.source.convert !== undefined
      return { name: entry.name, size: unknown ? undefined : entry.size, unchanged, decompressed }
    }),
    ...texts.map(({ name, text, unchanged }) => ({
      name,
      size: Buffer.byteLength(text),
      unchanged,
      decompressed: false,
    })),
  ]
}
