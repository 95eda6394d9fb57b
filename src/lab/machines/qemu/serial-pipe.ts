// The pipe for a machine's serial output. Node connects children by sockets, and a socket's buffer is full after 278 writes of one
// byte, which is how a serial port writes. QEMU then keeps the port busy, and a guest that has waited long enough (Linux: 10 ms)
// overwrites the byte: on a busy computer, lines lost letters. A pipe holds 65,536 bytes.
import { execFile } from 'node:child_process'
import { constants, open as openFile } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'

import { LabError } from '../../../errors.ts'
import { describeCondition } from '../../../text/system-error.ts'

/** Both ends of a pipe. */
export interface SerialPipe {
  /** Ends when all processes have closed the other end. */
  reader: Readable
  /** The end that a child inherits; the caller closes its own. */
  writer: FileHandle
}

/** A pipe that no machine uses yet. */
interface RawPipe {
  readFd: number
  writer: FileHandle
}

async function createPipe(): Promise<RawPipe> {
  const folder = await mkdtemp(join(tmpdir(), 'metalkit-serial-'))
  try {
    const path = join(folder, 'serial')
    await promisify(execFile)('mkfifo', ['-m', '600', path])
    // Without O_NONBLOCK, opening one end would wait for the other.
    const readFd = await promisify(openFile)(path, constants.O_RDONLY | constants.O_NONBLOCK)
    return { readFd, writer: await open(path, constants.O_WRONLY) }
  } catch (cause) {
    throw new LabError(`cannot create a pipe for a serial line in "${folder}": ${describeCondition(cause)}`, { cause })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

let spare: Promise<RawPipe> | undefined

/** Creates a pipe in advance, so that the next machine need not wait for another program to do it. */
export function prepareSerialPipe(): void {
  spare ??= createPipe()
  spare.catch(() => {})
}

/** Opens a pipe. @throws LabError if the system cannot create one */
export async function openSerialPipe(): Promise<SerialPipe> {
  const prepared = spare?.catch(createPipe)
  spare = undefined
  const { readFd, writer } = await (prepared ?? createPipe())
  return { reader: new Socket({ fd: readFd, readable: true, writable: false }), writer }
}
