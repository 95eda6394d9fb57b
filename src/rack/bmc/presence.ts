// Asks whether anything at an address speaks IPMI: Get Channel Authentication Capabilities (IPMI 2.0, 22.13), which every BMC
// answers before a login. It tells a wrong password from a silent BMC, for which ipmitool has the same words.
import { createSocket } from 'node:dgram'
import type { Address } from '../../address.ts'
import { settleBefore } from '../../deadline.ts'

const question = Buffer.from(
  [
    // RMCP: version, no sequence number, class IPMI
    '0600ff07',
    // IPMI 1.5 session header: no authentication, sequence and session 0, length 9
    '00000000000000000009',
    // to the BMC, NetFn App, from remote console 0x81, command 0x38; this channel, level administrator
    '2018c88100388e04b5',
  ].join(''),
  'hex',
)

const attempts = 3
const patienceMs = 1000

function isAnswer(bytes: Buffer): boolean {
  return bytes.length >= 21 && bytes[0] === 0x06 && bytes[3] === 0x07
}

/** Whether a BMC answers. @throws the signal's reason */
export async function answersIpmi({ host, port }: Address, signal: AbortSignal): Promise<boolean> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  try {
    await settleBefore<void>({ ms: 5000, late: () => {}, signal }, (resolve) => {
      socket.once('error', () => resolve())
      socket.connect(port, host, () => resolve())
    })
    for (let attempt = 0; attempt < attempts; attempt++) {
      const heard = await settleBefore<boolean | undefined>(
        { ms: patienceMs, late: () => undefined, signal },
        (resolve) => {
          socket.once('error', () => resolve(false))
          socket.once('message', (bytes) => resolve(isAnswer(bytes)))
          socket.send(question, (error) => {
            if (error !== null) resolve(false)
          })
        },
      )
      if (heard !== undefined) return heard
    }
    return false
  } catch (error) {
    signal.throwIfAborted()
    // A socket without a connection, because the name does not resolve.
    if (error instanceof Error) return false
    throw error
  } finally {
    // Late errors must not be unhandled.
    socket.on('error', () => {})
    socket.close()
  }
}
