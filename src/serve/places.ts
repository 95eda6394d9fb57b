// Limits how many places each client takes, so that one client cannot keep the others out.

/** Identifies a client: an IPv4 address, or an IPv6 /64 network, since one computer owns all addresses in it. */
export function clientOf(address: string): string {
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (ipv4 !== undefined || !address.includes(':')) return ipv4 ?? address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const last = (tail ?? '').split(':').filter((group) => group !== '')
  while (groups.length + last.length < 8) groups.push('0')
  return [...groups, ...last].slice(0, 4).join(':')
}

/** Counts the places each client has taken. */
export class Places {
  readonly #taken = new Map<string, number>()
  readonly #max: number

  /** @param max places for one client */
  constructor(max: number) {
    this.#max = max
  }

  /** True if the client has taken all its places. */
  isFull(client: string): boolean {
    return (this.#taken.get(client) ?? 0) >= this.#max
  }

  take(client: string): void {
    this.#taken.set(client, (this.#taken.get(client) ?? 0) + 1)
  }

  release(client: string): void {
    const left = (this.#taken.get(client) ?? 0) - 1
    if (left > 0) this.#taken.set(client, left)
    else this.#taken.delete(client)
  }
}
