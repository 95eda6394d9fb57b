// Whether what machines will fetch is what was pushed, byte for byte.
import { VerifyError } from '../errors.ts'
import { Digester, drain } from './digest.ts'
import { type Manifest, manifestName, requireManifest } from './manifest.ts'

/** Where files are read back from. */
export interface Place extends AsyncDisposable {
  /** Where a file is, as people would look at it. */
  locate(name: string): string
  /** The bytes of a file, undefined where there is none. @throws VerifyError when that cannot be told */
  open(name: string, signal: AbortSignal): Promise<AsyncIterable<Buffer> | undefined>
}

/** How things are verified. */
export interface VerifyOptions {
  onStart?: (bytes: number) => void
  onBytes?: (count: number) => void
  signal: AbortSignal
}

/** A file that was looked at; `problem` finishes the sentence `"file" …`. */
export interface Finding {
  name: string
  size: number
  problem?: string
}

const maxManifestBytes = 2 ** 20

async function readManifest(place: Place, name: string, signal: AbortSignal): Promise<Manifest> {
  const file = manifestName(name)
  const where = place.locate(file)
  const bytes = await place.open(file, signal)
  if (bytes === undefined) {
    throw new VerifyError(`"${where}" does not exist`, {
      hint: 'push the image there; what metalkit pushes has a manifest',
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
 * Reads every file of an image back, one after the other, and compares it with the manifest beside it.
 * @throws VerifyError where there is no manifest or nothing can be read
 */
export async function verifyImage(
  place: Place,
  name: string,
  { onStart, onBytes, signal }: VerifyOptions,
): Promise<{ manifest: Manifest; findings: Finding[] }> {
  const manifest = await readManifest(place, name, signal)
  onStart?.(manifest.files.reduce((sum, { size }) => sum + size, 0))
  const findings: Finding[] = []
  for (const file of manifest.files) {
    const bytes = await place.open(file.name, signal)
    if (bytes === undefined) {
      findings.push({ name: file.name, size: file.size, problem: 'does not exist' })
      continue
    }
    const digester = new Digester()
    await drain(count(digester.tap(bytes), onBytes), signal)
    const found = digester.digest()
    const problem =
      found.size !== file.size
        ? `has ${found.size} bytes, not ${file.size}`
        : found.sha256 === file.sha256
          ? undefined
          : `has other content than was pushed (SHA-256 ${found.sha256}, not ${file.sha256})`
    findings.push({ name: file.name, size: found.size, ...(problem === undefined ? {} : { problem }) })
  }
  return { manifest, findings }
}

async function* count(bytes: AsyncIterable<Buffer>, onBytes: VerifyOptions['onBytes']): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    onBytes?.(chunk.length)
    yield chunk
  }
}
