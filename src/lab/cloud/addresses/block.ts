// Blocks of addresses, and the search for free parts of a block.
import { isIPv4, isIPv6 } from 'node:net'

/** A block; `start` is its first address as a number. */
export interface Block {
  family: 4 | 6
  start: bigint
  cidr: number
}

const bitsOf = { 4: 32, 6: 128 } as const

/** The number of addresses in a block. */
function sizeOf({ family, cidr }: Pick<Block, 'family' | 'cidr'>): bigint {
  return 1n << BigInt(bitsOf[family] - cidr)
}

/** Joins parts of `bits` bits each to one number. */
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

/** Parses a block, `198.51.100.4/31`; without a size it is one address. Undefined if the text is not a block. */
export function parseBlock(text: string): Block | undefined {
  const [address = '', size, ...rest] = text.split('/')
  const parsed = parseAddress(address)
  if (parsed === undefined || rest.length > 0) return undefined
  const maxBits = bitsOf[parsed.family]
  if (size !== undefined && (!/^\d{1,3}$/.test(size) || Number(size) > maxBits)) return undefined
  const cidr = size === undefined ? maxBits : Number(size)
  return parsed.start % sizeOf({ ...parsed, cidr }) === 0n ? { ...parsed, cidr } : undefined
}

/** Parses a block that is known to be valid. @throws Error if it is not */
export function blockOf(text: string): Block {
  const block = parseBlock(text)
  if (block === undefined) throw new Error(`not a block: ${text}`)
  return block
}

/** Formats an address. */
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

/** Whether two blocks share an address, which means that one lies in the other. */
export function overlaps(first: Block, second: Block): boolean {
  return contains(first, second) || contains(second, first)
}

/** Finds up to `max` parts of the given size, from the block's start, that overlap no taken block. */
export function findFree(block: Block, cidr: number, taken: readonly Block[], max: number): Block[] {
  if (cidr < block.cidr || cidr > bitsOf[block.family]) return []
  const free: Block[] = []
  const size = sizeOf({ family: block.family, cidr })
  const end = block.start + sizeOf(block)
  for (let start = block.start; start < end && free.length < max; start += size) {
    const part = { family: block.family, start, cidr }
    if (!taken.some((other) => overlaps(other, part))) free.push(part)
  }
  return free
}
