// Power without a BMC: a magic packet or a person switches the machine on, and a person switches it off.
import { createSocket } from 'node:dgram'
import type { Clock } from '../../clock.ts'
import { describeCondition } from '../../text/system-error.ts'
import { BmcError } from '../bmc/bmc-error.ts'
import type { BootOverride, MachineIdentity, Power, PowerState } from './power.ts'

/** The person at the machines, and what the rack sees of them. */
export interface Hands {
  /** Tells the person what to do: `switch r1 on now`. */
  tell(words: string): void
  /** Fulfilled once the machine asks for an address, or otherwise shows that it is on. */
  seenOn(signal: AbortSignal): Promise<void>
  /** Fulfilled once the person says that the machine is off. */
  confirmedOff(signal: AbortSignal): Promise<void>
}

const wakePort = 9
/** Packets get lost, and a machine that is still going off hears none. */
const wakeAgainMs = 5000

/** The magic packet: six bytes of ones, then the MAC sixteen times. */
export function magicPacket(mac: string): Buffer {
  const address = Buffer.from(mac.replaceAll(':', ''), 'hex')
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array.from({ length: 16 }, () => address)])
}

/** Where magic packets are sent. */
export interface Waker {
  macs: readonly string[]
  broadcast: string
  /** This computer's address on the LAN: a broadcast leaves by its interface. */
  from: string
  port?: number
}

/** Sends the packets once. @throws BmcError if this computer cannot send them */
export async function sendMagicPackets({ macs, broadcast, from, port = wakePort }: Waker): Promise<void> {
  const socket = createSocket('udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, from, resolve)
    })
    socket.setBroadcast(true)
    for (const mac of macs) {
      await new Promise<void>((resolve, reject) => {
        socket.send(magicPacket(mac), port, broadcast, (error) => (error === null ? resolve() : reject(error)))
      })
    }
  } catch (error) {
    throw new BmcError(
      'failed',
      `no magic packet can be sent from "${from}" to "${broadcast}": ${describeCondition(error)}`,
      {
        hint: 'check network.address and wake in the rack file',
      },
    )
  } finally {
    socket.close()
  }
}

interface HandOptions {
  /** The machine's name. */
  machine: string
  hands: Hands
  clock: Clock
  /** Absent if a person switches the machine on, too. */
  waker?: Waker | undefined
}

/** Power by a person's hands. Nobody can ask for the state: it is always `unknown`. */
export class HandPower implements Power {
  readonly #options: HandOptions

  constructor(options: HandOptions) {
    this.#options = options
  }

  async status(): Promise<PowerState> {
    return 'unknown'
  }

  async on(signal: AbortSignal): Promise<void> {
    const { machine, hands, waker } = this.#options
    if (waker === undefined) {
      hands.tell(`switch ${machine} on now`)
      return await hands.seenOn(signal)
    }
    const over = new AbortController()
    const waiting = AbortSignal.any([signal, over.signal])
    try {
      const waking = this.#wake(waker, waiting)
      await Promise.race([hands.seenOn(waiting), waking])
    } finally {
      over.abort()
    }
    return undefined
  }

  /** Sends packets until the signal aborts. */
  async #wake(waker: Waker, signal: AbortSignal): Promise<never> {
    for (;;) {
      await sendMagicPackets(waker)
      await this.#options.clock.sleep(wakeAgainMs, signal)
    }
  }

  async off(signal: AbortSignal): Promise<void> {
    const { machine, hands } = this.#options
    hands.tell(`switch ${machine} off now, and confirm it`)
    await hands.confirmedOff(signal)
  }

  /** The machine's own boot order has to have the network first. */
  async bootFromNetworkOnce(): Promise<BootOverride> {
    return { persistent: false }
  }

  async clearBoot(): Promise<void> {}

  async identify(): Promise<MachineIdentity> {
    return { macs: [], uuids: [] }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
