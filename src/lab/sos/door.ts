// A port that is taken before its server is loaded: connections wait until it serves them.
import { createServer, type Socket } from 'node:net'
import type { Address } from '../../address.ts'
import { LabError } from '../../errors.ts'
import { listen } from '../../listen.ts'

/** A port that listens. Disposing it stops listening and waits for the connections to end. */
export interface Door extends AsyncDisposable {
  address: Address
  /** Hands over the connections that wait, and each one that comes. */
  serve(handle: (socket: Socket) => void): void
  /** Ends the connections that are left. */
  destroyConnections(): void
}

/** Takes the port of an SOS. @throws LabError where that does not work */
export async function openDoor(address: Address): Promise<Door> {
  let handle: ((socket: Socket) => void) | undefined
  const sockets = new Set<Socket>()
  // Each typed character comes back as a packet of its own; without noDelay typing lags.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A client that resets its connection while it waits is no fault of the lab's.
    socket.on('error', () => {})
    handle?.(socket)
  })
  const destroyConnections = () => {
    for (const socket of sockets) socket.destroy()
  }
  const bound = await listen(server, address, { Failure: LabError, flag: '--sos-port' })
  return {
    address: bound,
    serve(first) {
      handle = first
      for (const socket of sockets) handle(socket)
    },
    destroyConnections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      if (handle === undefined) destroyConnections()
      await closed
    },
  }
}
