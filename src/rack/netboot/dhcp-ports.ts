// Port 67: receives the requests of machines, beside any DHCP server, and sends answers from that port.
import type { Socket } from 'node:dgram'
import { errorCode } from '../../text/system-error.ts'
import { closeUdp, openUdp, type Ports, sendUdp } from './udp.ts'

/** The broadcast address for computers without an address. */
export const everyone = '255.255.255.255'

/** Port 67, open. */
export interface DhcpPorts extends AsyncDisposable {
  /** True if a DHCP server on this computer uses port 67 too. */
  isShared: boolean
  /** Sends from port 67 of the address, which EDK2 and iPXE require. */
  send(packet: Buffer, port: number, host: string): Promise<void>
}

const use = 'DHCP requests'

/** Whether another program uses the port of the address. */
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
 * Opens port 67. Broadcasts are received on a socket that is bound to the broadcast address, since every program on the port gets a
 * copy of those. Packets to the address itself reach only one program. If a DHCP server runs on this computer, they are left to it,
 * because its clients renew their leases that way: then the sending socket is open only while it sends, and requests through a
 * relay go to the DHCP server.
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
    // A broadcast is sent on the interface of the address that its socket is bound to.
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
