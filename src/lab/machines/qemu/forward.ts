// TCP ports of a machine on this computer's loopback, by QEMU's user network.
import { LabError } from '../../../errors.ts'
import type { Qmp } from './qmp.ts'

/** Finds the host's port of a forward in what QEMU's `info usernet` prints: state, fd, source, port, destination, port. */
export function parseForward(table: string, guestPort: number): number | undefined {
  for (const line of table.split('\n')) {
    const words = line.trim().split(/\s+/)
    if (words[0] === 'TCP[HOST_FORWARD]' && Number(words[5]) === guestPort) return Number(words[3])
  }
  return undefined
}

/**
 * Forwards a port, on 127.0.0.1 only; `hostPort` 0 is any free one.
 * @returns the port on loopback; one that is forwarded already stays as it is
 * @throws LabError where QEMU cannot, which says why only on its own stderr: mostly the port is taken
 */
export async function forwardPort(qmp: Qmp, guestPort: number, hostPort: number): Promise<number> {
  const known = parseForward(await qmp.executeHuman('info usernet'), guestPort)
  if (known !== undefined) return known
  const refusal = await qmp.executeHuman(`hostfwd_add n0 tcp:127.0.0.1:${hostPort}-:${guestPort}`)
  const found = parseForward(await qmp.executeHuman('info usernet'), guestPort)
  if (refusal.trim() !== '' || found === undefined) {
    throw new LabError(`cannot listen on "127.0.0.1:${hostPort}" for port ${guestPort} of the machine`, {
      hint: 'choose another port',
    })
  }
  return found
}
