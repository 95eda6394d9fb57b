// Blocks of addresses, and what of a block is free.
import { isIPv4, isIPv6 } from 'node:net'

/** A block; `start` is its first address as a number. */
export interface Block {
  family: 4 | 6
  start: bigint
  cidr: number
}

const bitsOf = { 4: 32, 6: 128 } as const

/** How many addresses a block has. */
function sizeOf({ family, cidr }: Pick<Block, 'family' | 'cidr'>): bigint {
  return 1n << BigInt(bitsOf[family] - cidr)
}

/** The number that parts of so many bits each make. */
function join(parts: readonly bigint[], bits: bigint): bigint {
  return parts.reduce((sum, part) => (sum << bits) | part, 0n)
}

function parseAddress(text: string): Pick<Block, 'family' | 'start'> | undefined {
  if (isIPv4(text)) return { family: 4, start: join(text.split('.').map(BigInt), 8n) }
  if (!isIPv6(text) || text.includes('.') || text.includes('%')) return undefined
  const [head = [], tail = []] = text.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  const groups = [...head, ...zeros, ...tail].map((group) => BigInt(`0x${group}`))
  return { family: 6, start: join(groups, 16n) }
}

/** The block of a text, `198.51.100.4/31`, without a size one address; undefined for any other text. */
export function parseBlock(text: string): Block | undefined {
  const [address = '', size, ...rest] = text.split('/')
  const parsed = parseAddress(address)
  if (parsed === undefined || rest.length > 0) return undefined
  const most = bitsOf[parsed.family]
  if (size !== undefined && (!/^\d{1,3}$/.test(size) || Number(size) > most)) return undefined
  const cidr = size === undefined ? most : Number(size)
  return parsed.start % sizeOf({ ...parsed, cidr }) === 0n ? { ...parsed, cidr } : undefined
}

/** A known block. @throws Error for a text that is none */
export function blockOf(text: string): Block {
  const block = parseBlock(text)
  if (block === undefined) throw new Error(`no block: ${text}`)
  return block
}

/** An address as people write it. */
function formatAddress(family: 4 | 6, number: bigint): string {
  const part = (index: number, bits: number) => (number >> BigInt(index * bits)) & ((1n << BigInt(bits)) - 1n)
  if (family === 4) return [3, 2, 1, 0].map((index) => part(index, 8)).join('.')
  const groups = [7, 6, 5, 4, 3, 2, 1, 0].map((index) => part(index, 16).toString(16))
  // A URL writes an address in its shortest form.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** The first address of a block. */
export function addressOf({ family, start }: Block): string {
  return formatAddress(family, start)
}

/** The mask of a block. */
export function netmaskOf({ family, cidr }: Block): string {
  return formatAddress(family, (1n << BigInt(bitsOf[family])) - sizeOf({ family, cidr }))
}

/** `198.51.100.4/31`. */
export function formatBlock(block: Block): string {
  return `${addressOf(block)}/${block.cidr}`
}

/** Whether a block lies in another. */
export function contains(outer: Block, inner: Block): boolean {
  return (
    outer.family === inner.family &&
    inner.start >= outer.start &&
    inner.start + sizeOf(inner) <= outer.start + sizeOf(outer)
  )
}

/** Whether two blocks share an address: one of them then lies in the other. */
export function overlaps(one: Block, other: Block): boolean {
  return contains(one, other) || contains(other, one)
}

/** The parts of a block of a size that touch no taken block, from its start, at most so many. */
export function findFree(block: Block, cidr: number, taken: readonly Block[], most: number): Block[] {
  if (cidr < block.cidr || cidr > bitsOf[block.family]) return []
  const found: Block[] = []
  const size = sizeOf({ family: block.family, cidr })
  const end = block.start + sizeOf(block)
  for (let start = block.start; start < end && found.length < most; start += size) {
    const part = { family: block.family, start, cidr }
    if (!taken.some((one) => overlaps(one, part))) found.push(part)
  }
  return found
}
