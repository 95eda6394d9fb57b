// Checks that machines will fetch exactly the bytes that were pushed.
import { VerifyError } from '../errors.ts'
import { Digester, drain } from './digest.ts'
import { type Manifest, manifestName, requireManifest } from './manifest.ts'

/** A place from which files are read back. */
export interface PublishedPlace extends AsyncDisposable {
  /** The path or URL of a file, for messages. */
  locate(name: string): string
  /** The bytes of a file; undefined if it does not exist. @throws VerifyError if the place cannot tell */
  open(name: string, signal: AbortSignal): Promise<AsyncIterable<Buffer> | undefined>
}

/** Options of a verification. */
export interface VerifyOptions {
  onStart?: (bytes: number) => void
  onBytes?: (count: number) => void
  signal: AbortSignal
}

/** The result for a file; `problem` completes the sentence `"file" …`. */
export interface FileResult {
  name: string
  size: number
  problem?: string
}

const maxManifestBytes = 2 ** 20

async function readManifest(place: PublishedPlace, name: string, signal: AbortSignal): Promise<Manifest> {
  const file = manifestName(name)
  const where = place.locate(file)
  const bytes = await place.open(file, signal)
  if (bytes === undefined) {
    throw new VerifyError(`"${where}" does not exist`, {
      hint: 'push the image there with metalkit push, which writes this manifest',
    })
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > maxManifestBytes) break
    chunks.push(chunk)
  }
  return await requireManifest(Buffer.concat(chunks).toString(), where)
}

/**
 * Reads back every file of an image, one after the other, and compares it with the manifest beside it.
 * @throws VerifyError if there is no manifest or the files cannot be read
 */
export async function verifyImage(
  place: PublishedPlace,
  name: string,
  { onStart, onBytes, signal }: VerifyOptions,
): Promise<{ manifest: Manifest; findings: FileResult[] }> {
  const manifest = await readManifest(place, name, signal)
  onStart?.(manifest.files.reduce((sum, { size }) => sum + size, 0))
  const findings: FileResult[] = []
  for (const file of manifest.files) {
    const bytes = await place.open(file.name, signal)
    if (bytes === undefined) {
      findings.push({ name: file.name, size: file.size, problem: 'does not exist' })
      continue
    }
    const digester = new Digester()
    await drain(count(digester.tap(bytes), onBytes), signal)
    const digest = digester.digest()
    const problem =
      digest.size !== file.size
        ? `has ${digest.size} bytes, not ${file.size}`
        : digest.sha256 === file.sha256
          ? undefined
          : `differs from the pushed file (SHA-256 ${digest.sha256}, not ${file.sha256})`
    findings.push({ name: file.name, size: digest.size, ...(problem === undefined ? {} : { problem }) })
  }
  return { manifest, findings }
}

async function* count(bytes: AsyncIterable<Buffer>, onBytes: VerifyOptions['onBytes']): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    onBytes?.(chunk.length)
    yield chunk
  }
}
