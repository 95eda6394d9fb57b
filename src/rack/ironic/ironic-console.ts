// A node's serial console: Ironic runs a program that carries it, behind a TCP port, for one reader.
import { z } from 'zod'
import type { Address } from '../../address.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import { quoteIronic } from './client.ts'
import type { IronicNode } from './node.ts'

const consoleSchema = z.looseObject({
  console_info: z.looseObject({ type: z.string(), url: z.string() }).nullish().catch(undefined),
})

/** Addresses that mean every address of the computer that has them. */
const everywhere = new Set(['0.0.0.0', '[::]'])

/** Where a console is. */
export interface SocatConsole {
  address: Address
  /** ipmitool is behind the port, with its greeting and its escape character. */
  isIpmitool: boolean
}

/** The console of a node. */
export class IronicConsole {
  readonly #node: IronicNode

  constructor(node: IronicNode) {
    this.#node = node
  }

  async #set(enabled: boolean, signal: AbortSignal): Promise<void> {
    const path = '/states/console'
    await this.#node.insist('PUT', `${enabled ? 'enable' : 'disable'} the console`, { path, body: { enabled }, signal })
    const seen = await this.#node.settle(signal)
    if (seen.console_enabled === enabled) return
    const why = quoteIronic(seen.last_error ?? '')
    const words = `did not ${enabled ? 'enable' : 'disable'} its console${why === '' ? '' : `: ${why}`}`
    throw new BmcError('failed', `${this.#node.name} ${words}`)
  }

  /** Disables and enables it: only that ends a lost session, which still holds the BMC's console. @throws BmcError if there is none */
  async open(signal: AbortSignal): Promise<SocatConsole> {
    const before = await this.#node.settle(signal)
    if (before.console_enabled) await this.#set(false, signal)
    await this.#set(true, signal)
    const answer = await this.#node.insist('GET', 'tell the console', { path: '/states/console', signal })
    const info = consoleSchema.safeParse(answer.json).data?.console_info
    const url = info !== undefined && info !== null && URL.canParse(info.url) ? new URL(info.url) : undefined
    if (info?.type !== 'socat' || url?.protocol !== 'tcp:' || url.port === '') {
      const kind = quoteIronic(info?.type ?? 'no')
      throw new BmcError('unsupported', `${this.#node.name} has a console of the kind "${kind}", not socat`, {
        hint: 'set its console interface to ipmitool-socat, or write console in the rack file',
      })
    }
    const host = everywhere.has(url.hostname) ? this.#node.client.host : url.hostname.replaceAll(/^\[|\]$/g, '')
    return { address: { host, port: Number(url.port) }, isIpmitool: before.console_interface === 'ipmitool-socat' }
  }

  /** Gives it back. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#set(false, signal)
  }
}
