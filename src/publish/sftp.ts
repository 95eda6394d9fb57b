// A folder on an SFTP server, as a store.
import { randomBytes } from 'node:crypto'
import type { FileEntryWithStats, SFTPWrapper } from 'ssh2'
import { PublishError } from '../errors.ts'
import { InFlight } from './parallel.ts'
import type { SshConnection } from '../ssh/connection.ts'
import { attempt, SftpSession, sftpStatus } from './sftp-session.ts'
import type { Digest, Staged, Store } from './store.ts'

const pieceBytes = 2 ** 17
const maxPieces = 16
/** Bytes that may have been in flight when a connection broke, and are written again. */
const windowBytes = pieceBytes * maxPieces
const maxTextBytes = 2 ** 20

/** A folder on a server. The next run resumes a file that a broken connection left unfinished. */
export class SftpStore implements Store {
  readonly resumes = true
  readonly #session: SftpSession
  readonly #folder: string
  /** Shared by all files, since two attempts to create the folder would conflict. */
  #folderMade: Promise<void> | undefined

  constructor(session: SftpSession, path: string) {
    this.#session = session
    this.#folder = path.replace(/^\/~(?=\/|$)\/?/, '') || '.'
  }

  async holds(name: string, { size }: Digest): Promise<boolean> {
    const stats = await this.#session.stat(this.#pathOf(name))
    return stats?.isFile() === true && stats.size === size
  }

  async readText(name: string): Promise<string | undefined> {
    const path = this.#pathOf(name)
    const { sftp } = this.#session
    const stats = await this.#session.stat(path)
    if (stats === undefined || !stats.isFile() || stats.size > maxTextBytes) return undefined
    return await this.#session.ask<string>('read', path, (done) =>
      sftp.readFile(path, (error, bytes) => done(error, bytes?.toString() ?? '')),
    )
  }

  async stage(name: string, { key }: { key: string | undefined }): Promise<Staged> {
    const session = this.#session
    await (this.#folderMade ??= session.makeFolder(this.#folder))
    const path = this.#pathOf(name)
    const temporary = this.#pathOf(`.${name}.${key ?? randomBytes(8).toString('hex')}.part`)
    if (key !== undefined) await this.#removeOthers(name, temporary)
    const unfinished = key === undefined ? undefined : await session.stat(temporary)
    const size = unfinished?.size ?? 0
    const handle = await session.ask<Buffer>('written', temporary, (done) =>
      session.sftp.open(temporary, unfinished === undefined ? 'w' : 'r+', done),
    )
    return new RemoteFile({ session, path, temporary, handle, resumable: key !== undefined, size })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]()
  }

  /** Removes unfinished files of other contents, which will never be resumed. */
  async #removeOthers(name: string, temporary: string): Promise<void> {
    const session = this.#session
    const entries = await session
      .attempt<FileEntryWithStats[]>((done) => session.sftp.readdir(this.#folder, done))
      .catch(() => [])
    for (const { filename } of entries) {
      const path = this.#pathOf(filename)
      if (!filename.startsWith(`.${name}.`) || !filename.endsWith('.part') || path === temporary) continue
      await session.attempt((done) => session.sftp.unlink(path, done)).catch(() => {})
    }
  }

  #pathOf(name: string): string {
    return this.#folder === '.' ? name : `${this.#folder.replace(/\/$/, '')}/${name}`
  }
}

interface RemoteParts {
  session: SftpSession
  path: string
  temporary: string
  handle: Buffer
  resumable: boolean
  /** Bytes that an earlier run has written. */
  size: number
}

class RemoteFile implements Staged {
  readonly #parts: RemoteParts
  #open = true
  #keep = false

  constructor(parts: RemoteParts) {
    this.#parts = parts
  }

  async write(content: string | AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    const { session, temporary, handle, size, resumable } = this.#parts
    const flight = new InFlight(maxPieces)
    const known = Math.max(0, size - windowBytes)
    let at = 0
    try {
      for await (const chunk of typeof content === 'string' ? [Buffer.from(content)] : content) {
        for (let from = 0; from < chunk.length; from += pieceBytes) {
          signal.throwIfAborted()
          const piece = chunk.subarray(from, from + pieceBytes)
          const position = at + from
          if (position + piece.length <= known) continue
          await flight.start(() =>
            session.attempt((done) => session.sftp.write(handle, piece, 0, piece.length, position, done)),
          )
        }
        at += chunk.length
      }
      await flight.finish()
      if (size > at) await session.attempt((done) => session.sftp.fsetstat(handle, { size: at }, done))
      await syncFile(session, handle)
    } catch (error) {
      // If the content itself is at fault, the written part is worthless.
      this.#keep = resumable && (session.lost || signal.aborted)
      await flight.finish().catch(() => {})
      signal.throwIfAborted()
      throw sftpStatus(error) !== undefined || session.lost ? session.explain('written', temporary, error) : error
    }
  }

  async commit(): Promise<void> {
    const { session, path, temporary } = this.#parts
    await this.#close()
    await session.rename(temporary, path)
    this.#keep = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { session, temporary } = this.#parts
    // Over a lost connection nothing can be removed, so the file stays.
    if (session.lost) return
    await this.#close().catch(() => {})
    if (!this.#keep) await session.attempt((done) => session.sftp.unlink(temporary, done)).catch(() => {})
  }

  async #close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    const { session, temporary, handle } = this.#parts
    await session.ask('written', temporary, (done) => session.sftp.close(handle, done))
  }
}

/** Syncs the file to disk if the server supports it. */
async function syncFile(session: SftpSession, handle: Buffer): Promise<void> {
  try {
    await session.attempt((done) => session.sftp.ext_openssh_fsync(handle, (error) => done(error)))
  } catch (error) {
    if (sftpStatus(error) !== undefined) throw error
  }
}

/** Logs in and starts SFTP. @throws PublishError if the server offers no SFTP, and the errors of `connect` */
export async function openSftpStore(
  { label, path }: { label: string; path: string },
  connect: () => Promise<SshConnection>,
): Promise<SftpStore> {
  const connection = await connect()
  try {
    const sftp = await attempt<SFTPWrapper>((done) => connection.client.sftp(done))
    return new SftpStore(new SftpSession(label, sftp, connection), path)
  } catch (error) {
    await connection[Symbol.asyncDispose]()
    throw new PublishError(`"${label}" offers no SFTP`, {
      hint: 'its sshd needs "Subsystem sftp internal-sftp"',
      cause: error,
    })
  }
}
