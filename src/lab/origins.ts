// The origins at which clients and machines reach the lab's HTTP server; its port is known once it listens.
import { type Address, formatAddress } from '../address.ts'
import { LabError } from '../errors.ts'
import type { MachineDriver } from './machines/driver.ts'
import { qemuHost } from './machines/qemu/isolation.ts'

/** The host by which clients on this computer reach a server that listens on a host. */
export function reachableHost(host: string): string {
  return ['', '0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
}

/** The origins of the lab's URLs, such as `http://127.0.0.1:7070`. */
export class Origins {
  readonly #host: string
  readonly #machineHost: string
  readonly #isSecure: boolean
  readonly #machineOrigin: string | undefined
  #port: number | undefined

  constructor(
    listenHost: string,
    kind: MachineDriver['kind'],
    isIsolated: boolean,
    isSecure: boolean,
    machineOrigin?: string,
  ) {
    this.#machineOrigin = machineOrigin
    this.#isSecure = isSecure
    this.#host = reachableHost(listenHost)
    // QEMU's machines reach this computer's loopback at an address in their own network.
    const isInside = kind === 'qemu' && (isIsolated || this.#host.startsWith('127.'))
    this.#machineHost = isInside ? qemuHost : this.#host
  }

  setPort(port: number): void {
    this.#port = port
  }

  /** The server's address. @throws LabError before it listens */
  get lab(): Address {
    if (this.#port === undefined) throw new LabError('the lab is not listening yet')
    return { host: this.#host, port: this.#port }
  }

  /** The origin of the API for clients on this computer. */
  get ofApi(): string {
    return `${this.#isSecure ? 'https' : 'http'}://${formatAddress(this.lab)}`
  }

  /** The origin of the boot server for machines, which fetch over plain HTTP even if the API speaks TLS. */
  get ofMachines(): string {
    return this.#machineOrigin ?? `http://${formatAddress({ host: this.#machineHost, port: this.lab.port })}`
  }
}
