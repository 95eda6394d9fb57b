// The connection to the lab, which reconnects when it breaks.
import type { LabMessage, PageMessage } from '../messages.ts'

const retryMs = 1000
/** Silence after which the lab counts as lost. A working lab sends a message each second; a hanging lab keeps its connections open. */
const silentMs = 5000

/** Callbacks of a connection. */
export interface ConnectionParts {
  token: string
  onOpen: () => void
  onMessage: (message: LabMessage) => void
  onClose: () => void
  /** Called when the lab falls silent, and when it answers again. */
  onSilence: (isSilent: boolean) => void
}

/** Stays connected with the lab until it is stopped. */
export class LiveConnection {
  readonly #parts: ConnectionParts
  #socket: WebSocket | undefined
  #isStopped = false
  #silence = 0

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#open()
  }

  send(message: PageMessage): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#silence)
    this.#socket?.close()
  }

  #hear(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#parts.onSilence(true), silentMs)
    this.#parts.onSilence(false)
  }

  #open(): void {
    const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/page/live`)
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.send({ type: 'hello', token: this.#parts.token })
      this.#parts.onOpen()
    })
    socket.addEventListener('message', ({ data }) => {
      this.#hear()
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab that served the page uses the same messages
      this.#parts.onMessage(JSON.parse(String(data)) as LabMessage)
    })
    socket.addEventListener('close', () => {
      if (this.#isStopped) return
      clearTimeout(this.#silence)
      this.#parts.onClose()
      setTimeout(() => this.#open(), retryMs)
    })
  }
}
