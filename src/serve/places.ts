// How much each client takes, so that one of them cannot keep the others out.

/** What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, of which one computer has all addresses. */
export function clientOf(address: string): string {
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (ipv4 !== undefined || !address.includes(':')) return ipv4 ?? address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const last = (tail ?? '').split(':').filter((group) => group !== '')
  while (groups.length + last.length < 8) groups.push('0')
  return [...groups, ...last].slice(0, 4).join(':')
}

/** Counts what clients have taken. */
export class Places {
  readonly #taken = new Map<string, number>()
  readonly #most: number

  /** @param most that one client gets */
  constructor(most: number) {
    this.#most = most
  }

  /** True if the client has all that it gets. */
  isFull(client: string): boolean {
    return (this.#taken.get(client) ?? 0) >= this.#most
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
