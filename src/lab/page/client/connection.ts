// The connection to the lab, made again when it breaks.
import type { LabMessage, PageMessage } from '../messages.ts'

const retryMs = 1000
/** A lab that hangs, or is out of reach, keeps its connections and says nothing; one that answers says something each second. */
const silentMs = 5000

/** What a connection tells of itself. */
export interface ConnectionParts {
  token: string
  onOpen: () => void
  onMessage: (message: LabMessage) => void
  onClose: () => void
  /** Nothing comes any longer, or again something does. */
  onSilence: (isSilent: boolean) => void
}

/** Speaks to the lab until it is told to stop. */
export class Connection {
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
    const socket = new WebSocket(`ws://${location.host}/page/live`)
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.send({ type: 'hello', token: this.#parts.token })
      this.#parts.onOpen()
    })
    socket.addEventListener('message', ({ data }) => {
      this.#hear()
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the lab that gave the page speaks its language
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
