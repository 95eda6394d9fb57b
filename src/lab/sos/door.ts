// A port that listens before its server is loaded; connections wait until the server takes them over.
import { createServer, type Socket } from 'node:net'
import type { Address } from '../../address.ts'
import { LabError } from '../../errors.ts'
import { listen } from '../../listen.ts'

/** A listening port. Disposing it stops listening and waits until its connections have ended. */
export interface Door extends AsyncDisposable {
  address: Address
  /** Passes waiting and future connections to a handler. */
  serve(handle: (socket: Socket) => void): void
  /** Ends the remaining connections. */
  destroyConnections(): void
}

/** Listens on the SOS's port. @throws LabError if that fails */
export async function openDoor(address: Address): Promise<Door> {
  let handle: ((socket: Socket) => void) | undefined
  const sockets = new Set<Socket>()
  // The echo of each typed character is a packet of its own; without noDelay, typing lags.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A waiting client may reset its connection; that is not an error of the lab.
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
