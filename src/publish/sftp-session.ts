// SFTP with promises, and errors that name the file and the reason (draft-ietf-secsh-filexfer-02, which OpenSSH speaks).
import type { SFTPWrapper, Stats } from 'ssh2'
import { messageOf, PublishError } from '../errors.ts'
import type { SshConnection } from '../ssh/connection.ts'

type Done<T> = (error?: Error | null, ...result: T extends void ? [] : [T]) => void

const notFound = 2

const statusNames: Readonly<Record<number, string>> = {
  2: 'no such file or folder',
  3: 'permission denied',
  4: 'the server reported a failure: its disk may be full',
  8: 'the server does not support this operation',
}

/** The status number of the server's response; undefined for errors from elsewhere. */
export function sftpStatus(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** Turns a request with a callback into a promise. */
export async function attempt<T>(request: (done: Done<T>) => void): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    request((error?: Error | null, ...[result]: [T?]) => {
      if (error) reject(error)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without an error there is a result, of T or void
      else resolve(result as T)
    })
  })
}

/** An SFTP session. Disposing it closes the connection. */
export class SftpSession implements AsyncDisposable {
  /** `sftp://host`, the server's name in errors. */
  readonly label: string
  readonly sftp: SFTPWrapper
  readonly #connection: SshConnection
  #ended: Error | undefined

  constructor(label: string, sftp: SFTPWrapper, connection: SshConnection) {
    this.label = label
    this.sftp = sftp
    this.#connection = connection
    const end = () => (this.#ended ??= new Error('the server closed the session'))
    sftp.once('end', end).once('close', end)
  }

  /** Why the session no longer accepts requests, if it has ended. */
  get #failure(): Error | undefined {
    return this.#connection.failure() ?? this.#ended
  }

  /** True if the connection is lost. */
  get lost(): boolean {
    return this.#failure !== undefined
  }

  /** Sends one request. @throws the server's own error */
  async attempt<T = void>(request: (done: Done<T>) => void): Promise<T> {
    // ssh2 calls back outstanding requests when a session ends, but forgets requests to an ended session.
    const failure = this.#failure
    if (failure !== undefined) throw failure
    return await attempt(request)
  }

  /** An error for the user: `path` cannot be `verb` (`written`), and why. */
  explain(verb: string, path: string, error: unknown): PublishError {
    const failure = this.#failure
    const message = messageOf(error)
    const why = failure?.message ?? statusNames[sftpStatus(error) ?? 0] ?? message
    const hint =
      failure === undefined ? 'check the folder and its permissions there' : 'push again to resume where it stopped'
    return new PublishError(`"${this.label}/${path.replace(/^\//, '')}" cannot be ${verb} (${why})`, {
      hint,
      cause: error,
    })
  }

  /** Sends one request. @throws PublishError made by `explain` */
  async ask<T = void>(verb: string, path: string, request: (done: Done<T>) => void): Promise<T> {
    try {
      return await this.attempt(request)
    } catch (error) {
      throw this.explain(verb, path, error)
    }
  }

  /** The attributes of the file at a path; undefined if there is none. */
  async stat(path: string): Promise<Stats | undefined> {
    try {
      return await this.attempt<Stats>((done) => this.sftp.stat(path, done))
    } catch (error) {
      if (sftpStatus(error) === notFound) return undefined
      throw this.explain('checked', path, error)
    }
  }

  /** Creates a folder and its parents. */
  async makeFolder(path: string): Promise<void> {
    if (path === '' || path === '.' || path === '/' || (await this.stat(path)) !== undefined) return
    await this.makeFolder(path.slice(0, Math.max(path.lastIndexOf('/'), path.startsWith('/') ? 1 : 0)))
    await this.ask('made', path, (done) => this.sftp.mkdir(path, done))
  }

  /** Replaces a file, atomically if the server can. */
  async rename(from: string, to: string): Promise<void> {
    try {
      await this.attempt((done) => this.sftp.ext_openssh_rename(from, to, done))
    } catch (error) {
      if (sftpStatus(error) !== undefined || this.lost) throw this.explain('written', to, error)
      // The server does not know that request: remove the old file, then rename the new one.
      await this.attempt((done) => this.sftp.unlink(to, done)).catch(() => {})
      await this.ask('written', to, (done) => this.sftp.rename(from, to, done))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]()
  }
}
