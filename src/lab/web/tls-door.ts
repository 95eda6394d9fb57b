// One port for TLS and plain HTTP: machines that boot fetch over HTTP, because iPXE does not know the lab's certificate authority.
import type { Server as HttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'

import { errorCode } from '../../text/system-error.ts'
import type { Reporter } from '../../io.ts'

/** Returns the certificate for a server name, or for a client that uses an address. */
export type ContextFor = (serverName?: string) => SecureContext

/** A TLS connection begins with a record of this type (RFC 8446, 5.1); no HTTP method does. */
const handshakeRecord = 0x16
/** How long a client may take until its connection speaks HTTP. */
const helloMs = 15_000

/** Answers the handshake of a connection, and passes it on. */
function speakTls(
  socket: Socket,
  http: HttpServer,
  contextFor: ContextFor,
  report: Reporter,
  timer: NodeJS.Timeout,
): void {
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext: contextFor(),
    ALPNProtocols: ['http/1.1'],
    SNICallback: (name, done) => done(null, contextFor(name)),
  })
  secure.on('error', (error) => {
    report.debug(`no TLS with a client: ${errorCode(error) ?? error.message}`)
    socket.destroy()
  })
  secure.once('secure', () => {
    clearTimeout(timer)
    http.emit('connection', secure)
  })
}

/** A server that passes its connections on to an HTTP server, decrypted if they begin with a TLS handshake. */
export function createTlsDoor(http: HttpServer, contextFor: ContextFor, report: Reporter): Server {
  const door = createServer((socket) => {
    // For the whole handshake: a client may send it byte by byte.
    const timer = setTimeout(() => socket.destroy(), helloMs).unref()
    socket.on('error', () => socket.destroy()).once('close', () => clearTimeout(timer))
    const begin = () => {
      const first: unknown = socket.read(1)
      if (!Buffer.isBuffer(first)) return
      socket.off('readable', begin)
      socket.unshift(first)
      if (first[0] === handshakeRecord) return speakTls(socket, http, contextFor, report, timer)
      clearTimeout(timer)
      http.emit('connection', socket)
    }
    socket.on('readable', begin)
  })
  // An HTTP server looks for stalled headers only once it listens.
  door.once('listening', () => http.emit('listening'))
  return door
}
