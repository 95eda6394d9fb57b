// Sockets on the standard ports of network boot, and explanations if a port is not available.
import { createSocket, type Socket } from 'node:dgram'
import { RackError } from '../../errors.ts'
import { describeCondition, errorCode } from '../../text/system-error.ts'
import { formatAddress } from '../../address.ts'

/** The ports of network boot; tests use other ports. */
export interface Ports {
  dhcp: number
  /** The port on which a machine receives its answers. */
  dhcpClient: number
  pxe: number
  tftp: number
}

/** The ports that firmware uses. */
export const standardPorts: Ports = { dhcp: 67, dhcpClient: 68, pxe: 4011, tftp: 69 }

/** How to let a program without privileges listen on ports 67 to 69. */
export const portsHint =
  'allow it with "sudo sysctl net.ipv4.ip_unprivileged_port_start=67", or give the service AmbientCapabilities=CAP_NET_BIND_SERVICE (docs/rack.md)'

function describeFailure({ host, port, use, share = false }: Place, cause: unknown): RackError {
  const shown = `cannot listen on ${formatAddress({ host, port })}/udp for ${use}`
  switch (errorCode(cause) ?? '') {
    case 'EACCES':
      return new RackError(`${shown}: this user is not allowed to use port ${port}`, { hint: portsHint, cause })
    case 'EADDRINUSE':
      return new RackError(`${shown}: the port is taken by another program`, {
        hint: `${share ? 'have it share the port (dnsmasq does with bind-interfaces in its configuration), or ' : ''}stop it (ss -lunp "sport = :${port}" names it)`,
        cause,
      })
    case 'EADDRNOTAVAIL':
      return new RackError(`${shown}: "${host}" is not an address of this computer`, {
        hint: "write this computer's address on the network of the machines (ip -brief address lists them)",
        cause,
      })
    default:
      return new RackError(`${shown}: ${describeCondition(cause)}`, { cause })
  }
}

/** Where to listen. `share` lets other programs use the port too: each of them gets every broadcast. */
export interface Place {
  host: string
  port: number
  /** The purpose of the socket, for error messages. */
  use: string
  share?: boolean
}

/** Opens a socket. Its later errors are ignored: a datagram that cannot be sent counts as lost. @throws RackError */
export async function openUdp(place: Place): Promise<Socket> {
  const { host, port, share = false } = place
  const socket = createSocket({ type: 'udp4', reuseAddr: share })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ port, address: host, exclusive: true }, () => {
        socket.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    socket.close()
    throw describeFailure(place, error)
  }
  socket.on('error', () => {})
  return socket
}

/** Closes a socket once its pending datagrams are sent. */
export async function closeUdp(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.close(resolve))
}

/** Sends a datagram. */
export async function sendUdp(socket: Socket, packet: Buffer, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve) => socket.send(packet, port, host, () => resolve()))
}
