// A console on a serial port of this computer. Node reads and writes it as a terminal; stty sets it up, and perl sends breaks.
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { isatty, ReadStream } from 'node:tty'
import { heed } from '../../deadline.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import type { DeviceSettings } from '../file/console-settings.ts'
import { LinkError } from './console-error.ts'
import { type Connect, type Link, maxWaitingInput } from './link.ts'

/** stty waits for output that an adapter does not take. */
const programMs = 5000

interface Program {
  name: string
  args: readonly string[]
  env: Record<string, string>
}

/** Runs a program on an open port. @returns what it complains of; undefined if it succeeds */
async function runOn(fd: number, { name, args, env }: Program): Promise<string | undefined> {
  // The port is its input: a session leader that opened it would make it its controlling terminal.
  const limit = { timeout: programMs, killSignal: 'SIGKILL' } as const
  const child = spawn(name, args, { env, stdio: [fd, 'ignore', 'pipe'], ...limit })
  let stderr = ''
  child.stderr?.on('data', (bytes: Buffer) => (stderr = (stderr + bytes.toString()).slice(0, 1000)))
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code === 0) return undefined
    return code === null ? `${name} did not end within ${programMs / 1000} s` : stderr.trim().split('\n').at(-1)
  } catch (error) {
    return `${name} cannot be started: ${describeCondition(error)}`
  }
}

function setUp(fd: number, speed: number, env: Record<string, string>): Promise<string | undefined> {
  // No modem lines and no flow control: three wires are enough.
  const modes = ['raw', '-echo', 'cs8', '-parenb', '-cstopb', 'clocal', 'cread', '-crtscts', '-hupcl']
  return runOn(fd, { name: 'stty', args: [String(speed), ...modes], env })
}

const openHints: Record<string, string> = {
  ENOENT: 'plug its adapter in; /dev/serial/by-id has names that stay',
  EACCES: 'add the user that runs the rack to the group dialout',
}

/** Opens a serial port. */
export function connectDevice({ path, speed }: DeviceSettings, env: Record<string, string>): Connect {
  return async ({ onOutput, signal }): Promise<Link> => {
    const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants
    // O_NONBLOCK: without it, opening waits for the carrier of a modem.
    const file = await open(path, O_RDWR | O_NOCTTY | O_NONBLOCK).catch((cause: unknown) => {
      const hint = openHints[errorCode(cause) ?? '']
      throw new LinkError(`"${path}" cannot be opened: ${describeCondition(cause)}`, {
        cause,
        ...(hint === undefined ? {} : { hint }),
      })
    })
    let stream: ReadStream
    try {
      if (!isatty(file.fd)) throw new LinkError(`"${path}" is not a serial port`, { refused: true })
      const complaint = await heed(setUp(file.fd, speed, env), signal)
      if (complaint !== undefined) throw new LinkError(`"${path}" cannot be set up: ${complaint}`)
      // It opens the port once more for itself.
      stream = new ReadStream(file.fd)
    } catch (cause) {
      await file.close()
      if (!(cause instanceof Error) || errorCode(cause) === undefined) throw cause
      throw new LinkError(`"${path}" cannot be used: it has just gone`, { cause })
    }
    const lost = new Promise<string>((resolve) => {
      stream.once('error', (error) => resolve(`"${path}" broke: ${describeCondition(error)}`))
      stream.once('end', () => resolve(`"${path}" has gone`))
      stream.once('close', () => resolve(`"${path}" has gone`))
    })
    stream.on('error', () => {})
    stream.on('data', onOutput)
    return {
      type(bytes) {
        if (stream.writable && stream.writableLength < maxWaitingInput) stream.write(bytes)
      },
      sendBreak() {
        const args = ['-MPOSIX', '-e', 'exit(POSIX::tcsendbreak(0, 0) ? 0 : 1)']
        void runOn(file.fd, { name: 'perl', args, env })
        return true
      },
      lost,
      async close() {
        stream.destroy()
        await file.close().catch(() => {})
      },
    }
  }
}
