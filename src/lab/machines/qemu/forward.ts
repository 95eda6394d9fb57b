// Forwards local ports to a machine's TCP ports, through QEMU's user network.
import { LabError } from '../../../errors.ts'
import type { Qmp } from './qmp.ts'

/** Finds the local port of a forward in the output of QEMU's `info usernet`: state, fd, source, port, destination, port. */
export function parseForward(table: string, guestPort: number): number | undefined {
  for (const line of table.split('\n')) {
    const words = line.trim().split(/\s+/)
    if (words[0] === 'TCP[HOST_FORWARD]' && Number(words[5]) === guestPort) return Number(words[3])
  }
  return undefined
}

/**
 * Forwards a port, on 127.0.0.1 only; `hostPort` 0 is any free port.
 * @returns the local port on loopback; an existing forward keeps its local port
 * @throws LabError if QEMU cannot forward it. QEMU says why only on its own stderr: usually the port is taken
 */
export async function forwardGuestPort(qmp: Qmp, guestPort: number, hostPort: number): Promise<number> {
  const existingPort = parseForward(await qmp.executeHuman('info usernet'), guestPort)
  if (existingPort !== undefined) return existingPort
  const refusal = await qmp.executeHuman(`hostfwd_add n0 tcp:127.0.0.1:${hostPort}-:${guestPort}`)
  const localPort = parseForward(await qmp.executeHuman('info usernet'), guestPort)
  if (refusal.trim() !== '' || localPort === undefined) {
    throw new LabError(`cannot listen on "127.0.0.1:${hostPort}" for port ${guestPort} of the machine`, {
      hint: 'choose another port',
    })
  }
  return localPort
}
