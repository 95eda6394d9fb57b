// The page's websocket.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'

import { FetchSizes } from './fetch-sizes.ts'
import { isOwnOrigin } from './guard.ts'
import { isSecure } from '../web/request.ts'
import type { LabMessage } from './messages.ts'
import { type PageParts, PageSession } from './page-session.ts'

/** How often changes are sent to a page. */
const refreshMs = 200
/** How often a page gets an `alive` message. */
const aliveMs = 1000
/** How long a connection may take to send its token. */
const helloMs = 5000
/** The longest message of a page; it sends longer pasted text in pieces. */
const maxMessageBytes = 64 * 1024
/** How many bytes of output may wait for a page. Further output is lost, as on the serial line. */
const maxQueueBytes = 1 << 20

/** A server for open pages. Disposing it ends their connections. */
export interface PageServer extends Disposable {
  upgrade: (message: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** Accepts connections at /page/live, from the lab's own page only. */
export function createPageServer(parts: Omit<PageParts, 'sizes'>): PageServer {
  const sizes = new FetchSizes()
  const server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, perMessageDeflate: false })
  server.on('connection', (socket) => {
    const send = (message: LabMessage) => {
      const isLate = message.type === 'console' && socket.bufferedAmount > maxQueueBytes
      if (socket.readyState === socket.OPEN && !isLate) socket.send(JSON.stringify(message))
    }
    const session = new PageSession({ ...parts, sizes }, send, () => socket.close(1008, 'denied'))
    const hello = setTimeout(() => {
      if (!session.isKnown) socket.terminate()
    }, helloMs)
    const timer = setInterval(() => session.refresh(), refreshMs)
    const alive = setInterval(() => {
      if (session.isKnown) send({ type: 'alive' })
    }, aliveMs)
    socket.on('message', (data, isBinary) => {
      if (isBinary || !Buffer.isBuffer(data)) socket.close(1003)
      else session.take(data.toString('utf8'))
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(hello)
      clearInterval(timer)
      clearInterval(alive)
      session[Symbol.dispose]()
    })
  })
  return {
    upgrade(message, socket, head) {
      const { origin, host } = message.headers
      const isPage = message.url === '/page/live' && isOwnOrigin(origin, host, isSecure(message))
      if (isPage) server.handleUpgrade(message, socket, head, (client) => server.emit('connection', client, message))
      else socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    },
    [Symbol.dispose]() {
      sizes[Symbol.dispose]()
      for (const client of server.clients) client.terminate()
      server.close()
    },
  }
}
