// Port 67: hears the requests of machines, beside any DHCP server, and sends answers from it.
import type { Socket } from 'node:dgram'
import { errorCode } from '../../errors.ts'
import { closeUdp, openUdp, type Ports, sendUdp } from './udp.ts'

/** A broadcast of a computer that has no address yet. */
export const everyone = '255.255.255.255'

/** Port 67, open. */
export interface DhcpPorts extends AsyncDisposable {
  /** True if a DHCP server on this computer has port 67 too. */
  isShared: boolean
  /** Sends from port 67 of the address, which EDK2 and iPXE insist on. */
  send(packet: Buffer, port: number, host: string): Promise<void>
}

const use = 'DHCP requests'

/** Whether another program has the port of the address. */
async function isTaken(host: string, port: number): Promise<boolean> {
  try {
    await closeUdp(await openUdp({ host, port, use }))
    return false
  } catch (error) {
    if (error instanceof Error && errorCode(error.cause) === 'EADDRINUSE') return true
    throw error
  }
}

/**
 * Opens port 67. Broadcasts are heard on a socket that is bound to the broadcast address, since each program with the port gets a
 * copy of those. Of what is sent to the address itself only one program gets it, so that is left to a DHCP server
 * on this computer, whose clients renew their leases so: there the sender is open for the moment of sending only, and requests that
 * a relay passes on are the DHCP server's.
 */
export async function openDhcpPorts(
  address: string,
  ports: Ports,
  onPacket: (packet: Buffer) => void,
): Promise<DhcpPorts> {
  const isShared = await isTaken(address, ports.dhcp)
  const listener = await openUdp({ host: everyone, port: ports.dhcp, use, share: true })
  listener.on('message', onPacket)
  const openSender = async () => {
    const socket = await openUdp({ host: address, port: ports.dhcp, use, share: true })
    // A broadcast leaves by the interface of the address that its socket is bound to.
    socket.setBroadcast(true)
    return socket
  }
  let sender: Socket | undefined
  if (!isShared) {
    try {
      sender = await openSender()
      sender.on('message', onPacket)
    } catch (error) {
      await closeUdp(listener)
      throw error
    }
  }
  return {
    isShared,
    async send(packet, port, host) {
      if (sender !== undefined) return sendUdp(sender, packet, port, host)
      const once = await openSender()
      await sendUdp(once, packet, port, host)
      return closeUdp(once)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([listener, ...(sender === undefined ? [] : [sender])].map(closeUdp))
    },
  }
}
