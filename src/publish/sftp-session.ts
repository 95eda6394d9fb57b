// SFTP in promises, with errors that say which file and why (draft-ietf-secsh-filexfer-02, which OpenSSH speaks).
import type { Client, SFTPWrapper, Stats } from 'ssh2'
import { messageOf, PublishError } from '../errors.ts'

/** A connection on which somebody is logged in. */
export interface SshConnection extends AsyncDisposable {
  client: Client
  /** What broke it, once something has. */
  failure(): Error | undefined
}

type Done<T> = (error?: Error | null, ...result: T extends void ? [] : [T]) => void

const notFound = 2

const statusNames: Readonly<Record<number, string>> = {
  2: 'no such file or folder',
  3: 'permission denied',
  4: 'the server failed: the disk may be full',
  8: 'the server cannot do that',
}

/** The number of the server's answer; undefined for what is not an answer of the server. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined
}

/** What is asked with a callback, as a promise. */
export async function attempt<T>(request: (done: Done<T>) => void): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    request((error?: Error | null, ...[result]: [T?]) => {
      if (error) reject(error)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- where there is no error there is a result, of T or void
      else resolve(result as T)
    })
  })
}

/** An SFTP session. Disposing it closes the connection. */
export class SftpSession implements AsyncDisposable {
  /** `sftp://host`, as errors name the place. */
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

  /** Why nothing can be asked any more, once that is so. */
  get #failure(): Error | undefined {
    return this.#connection.failure() ?? this.#ended
  }

  /** Whether the connection is lost. */
  get lost(): boolean {
    return this.#failure !== undefined
  }

  /** Asks one thing of the server; its own error is thrown. */
  async attempt<T = void>(request: (done: Done<T>) => void): Promise<T> {
    // What is outstanding when a session ends ssh2 calls back; what is asked of one that has ended it forgets.
    const failure = this.#failure
    if (failure !== undefined) throw failure
    return await attempt(request)
  }

  /** An error for people: `path` cannot be `verb` (`written`), and why. */
  explain(verb: string, path: string, error: unknown): PublishError {
    const failure = this.#failure
    const said = messageOf(error)
    const why = failure?.message ?? statusNames[statusOf(error) ?? 0] ?? said
    const hint =
      failure === undefined ? 'check the folder and its permissions there' : 'push again: it goes on where it stopped'
    return new PublishError(`"${this.label}/${path.replace(/^\//, '')}" cannot be ${verb} (${why})`, {
      hint,
      cause: error,
    })
  }

  /** Asks one thing of the server. @throws PublishError as `explain` makes it */
  async ask<T = void>(verb: string, path: string, request: (done: Done<T>) => void): Promise<T> {
    try {
      return await this.attempt(request)
    } catch (error) {
      throw this.explain(verb, path, error)
    }
  }

  /** What stands at a path, undefined where nothing does. */
  async stat(path: string): Promise<Stats | undefined> {
    try {
      return await this.attempt<Stats>((done) => this.sftp.stat(path, done))
    } catch (error) {
      if (statusOf(error) === notFound) return undefined
      throw this.explain('looked at', path, error)
    }
  }

  /** Makes a folder and those above it. */
  async makeFolder(path: string): Promise<void> {
    if (path === '' || path === '.' || path === '/' || (await this.stat(path)) !== undefined) return
    await this.makeFolder(path.slice(0, Math.max(path.lastIndexOf('/'), path.startsWith('/') ? 1 : 0)))
    await this.ask('made', path, (done) => this.sftp.mkdir(path, done))
  }

  /** Puts a file in the place of another, at once where the server can. */
  async rename(from: string, to: string): Promise<void> {
    try {
      await this.attempt((done) => this.sftp.ext_openssh_rename(from, to, done))
    } catch (error) {
      if (statusOf(error) !== undefined || this.lost) throw this.explain('written', to, error)
      // The server knows no such request: it can only be told to remove the one and rename the other.
      await this.attempt((done) => this.sftp.unlink(to, done)).catch(() => {})
      await this.ask('written', to, (done) => this.sftp.rename(from, to, done))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]()
  }
}
