// QEMU's control socket (QMP, docs/interop/qmp-spec): one JSON value per line in both directions.
import { createInterface } from 'node:readline'
import type { Duplex } from 'node:stream'
import { z } from 'zod/mini'

import { LabError } from '../../../errors.ts'
import { readJson } from '../../../text/json.ts'

const messageSchema = z.looseObject({
  id: z.optional(z.number()),
  return: z.optional(z.unknown()),
  error: z.optional(z.looseObject({ desc: z.string() })),
  event: z.optional(z.string()),
  data: z.optional(z.record(z.string(), z.unknown())),
})

type Message = z.infer<typeof messageSchema>

/** Parses a line; a line outside the protocol becomes an empty message. */
function parseMessage(line: string): Message {
  return messageSchema.safeParse(readJson(line)).data ?? {}
}

/** A connection to one QEMU. */
export class Qmp {
  readonly #socket: Duplex
  readonly #waiting = new Map<number, (answer: Message | undefined) => void>()
  #lastId = 0
  #isClosed = false
  /** Fulfilled once QEMU accepts commands, when its machine is set up. Rejected if it ends earlier. */
  readonly ready: Promise<unknown>

  constructor(socket: Duplex, onEvent: (event: string, data: Record<string, unknown>) => void) {
    this.#socket = socket
    const lines = createInterface({ input: socket })
    lines.on('line', (line) => {
      const message = parseMessage(line)
      if (message.event !== undefined) onEvent(message.event, message.data ?? {})
      else if (message.id !== undefined) this.#settle(message.id, message)
    })
    // When QEMU is killed the connection is reset, and both streams emit an error; the close event is enough.
    lines.on('error', () => {})
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#isClosed = true
      for (const id of this.#waiting.keys()) this.#settle(id, undefined)
    })
    this.ready = this.#send('qmp_capabilities')
    this.ready.catch(() => {})
  }

  /** Runs a command. @throws LabError with QEMU's error, or if QEMU has ended */
  async execute(command: string, args?: Record<string, unknown>): Promise<unknown> {
    await this.ready
    return await this.#send(command, args)
  }

  /** Runs a command of the human monitor. @returns its output */
  async executeHuman(line: string): Promise<string> {
    return String(await this.execute('human-monitor-command', { 'command-line': line }))
  }

  #settle(id: number, answer: Message | undefined): void {
    this.#waiting.get(id)?.(answer)
    this.#waiting.delete(id)
  }

  async #send(command: string, args?: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#lastId
    const answer = await new Promise<Message | undefined>((resolve) => {
      if (this.#isClosed) return resolve(undefined)
      this.#waiting.set(id, resolve)
      this.#socket.write(
        `${JSON.stringify({ execute: command, id, ...(args === undefined ? {} : { arguments: args }) })}\n`,
      )
    })
    if (answer === undefined) throw new LabError('QEMU has ended')
    if (answer.error !== undefined) throw new LabError(`QEMU refused ${command}: ${answer.error.desc}`)
    return answer.return
  }
}
