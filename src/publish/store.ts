// What a place that files are published to can do; folder.ts, sftp.ts and s3.ts are such places.

/** What a file is known by; size in bytes, SHA-256 in hex. */
export interface Digest {
  size: number
  sha256: string
}

/** A file on its way: it appears whole when it is committed, or not at all. Disposing it before that gives it up. */
export interface Staged extends AsyncDisposable {
  /** Writes the content to where it cannot be lost. @throws PublishError, or the signal's reason */
  write(content: string | AsyncIterable<Buffer>, signal: AbortSignal): Promise<void>
  /** Makes it a copy of a file of this computer, where that is faster than to write what is read. */
  copy?(source: string, signal: AbortSignal): Promise<void>
  /** Puts the file in its place. */
  commit(): Promise<void>
}

/** A place for files. Disposing it closes its connections. */
export interface Store extends AsyncDisposable {
  /** Whether `stage` goes on where an earlier run stopped, if it is told what the content is. */
  readonly resumes: boolean
  /** Whether a file stands there as it was written: as sure as the place can tell without sending the file back. */
  holds(name: string, digest: Digest, signal: AbortSignal): Promise<boolean>
  /** The text of a small file, undefined where there is none. */
  readText(name: string, signal: AbortSignal): Promise<string | undefined>
  /** Starts a file. Two contents with the same key are the same, up to where an earlier run stopped. */
  stage(name: string, options: { key: string | undefined; signal: AbortSignal }): Promise<Staged>
}
