// The interface of a store that files are published to; folder.ts, sftp.ts and s3.ts implement it.

/** Identifies a file's content: size in bytes, SHA-256 in hex. */
export interface Digest {
  size: number
  sha256: string
}

/** A staged file: it appears complete when committed, or not at all. Disposing it earlier discards it. */
export interface Staged extends AsyncDisposable {
  /** Writes the content to durable storage. @throws PublishError, or the signal's reason */
  write(content: string | AsyncIterable<Buffer>, signal: AbortSignal): Promise<void>
  /** Copies a local file, if that is faster than writing its bytes. */
  copy?(source: string, signal: AbortSignal): Promise<void>
  /** Moves the file into place. */
  commit(): Promise<void>
}

/** A store for files. Disposing it closes its connections. */
export interface Store extends AsyncDisposable {
  /** True if `stage`, given a key of the content, can resume where an earlier run stopped. */
  readonly resumes: boolean
  /** True if a file is unchanged since it was written, as far as the store can tell without sending it back. */
  holds(name: string, digest: Digest, signal: AbortSignal): Promise<boolean>
  /** The text of a small file; undefined if it does not exist. */
  readText(name: string, signal: AbortSignal): Promise<string | undefined>
  /** Starts a file. Contents with the same key are identical, so an earlier run can be resumed. */
  stage(name: string, options: { key: string | undefined; signal: AbortSignal }): Promise<Staged>
}
