// TFTP packets (RFC 1350, 2347, 2348, 2349, 7440). Anyone can send requests, so their content is not trusted.
import { plainPart } from './dhcp-packet.ts'

const opcodes = { read: 1, write: 2, data: 3, ack: 4, error: 5, optionAck: 6 } as const

/** TFTP's error codes. */
export const tftpErrors = { undefined: 0, notFound: 1, access: 2, illegal: 4, options: 8 } as const

/** A packet from a client. */
export type TftpPacket =
  | { kind: 'read'; name: string; mode: string; options: ReadonlyMap<string, string> }
  | { kind: 'write' }
  | { kind: 'ack'; block: number }
  | { kind: 'error'; code: number; text: string }

/** The longest request (RFC 2347), with room for clients that exceed it. */
const maxBytes = 1024

/** Parses a packet. @returns undefined if it is not a client's packet */
export function parseTftp(bytes: Buffer): TftpPacket | undefined {
  if (bytes.length < 4 || bytes.length > maxBytes) return undefined
  const [code, value] = [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
  if (code === opcodes.write) return { kind: 'write' }
  if (code === opcodes.ack) return { kind: 'ack', block: value }
  if (code === opcodes.error) return { kind: 'error', code: value, text: plainPart(bytes.subarray(4)) }
  if (code !== opcodes.read || bytes.at(-1) !== 0) return undefined
  const words = bytes.subarray(2, -1).toString('latin1').split('\0')
  const [name = '', mode = '', ...pairs] = words
  if (words.length < 2 || name === '') return undefined
  const options = new Map<string, string>()
  for (let at = 0; at + 1 < pairs.length; at += 2) options.set((pairs[at] ?? '').toLowerCase(), pairs[at + 1] ?? '')
  // Some UEFI firmware reads past the end of its boot file's name, so a byte 255 follows.
  return { kind: 'read', name: plainPart(Buffer.from(name, 'latin1')), mode: mode.toLowerCase(), options }
}

/** The parameters of a transfer: bytes in a block, blocks in a window, seconds until a block is sent again. */
export interface TransferOptions {
  blockBytes: number
  windowBlocks: number
  timeoutS: number
}

/** The largest block that fits an Ethernet frame with a VLAN tag and a tunnel header. */
const maxBlockBytes = 1428
const maxWindowBlocks = 16

/** The number in an option if it is within bounds; otherwise undefined, and the option is not used. */
function numberIn(text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const value = Number(text)
  return value >= min && value <= max ? value : undefined
}

/** Negotiates the options of a request. `accepted` is sent to the client; if it is empty, the transfer begins with its first block. */
export function agreeOptions(requested: ReadonlyMap<string, string>, size: number) {
  const blocks = numberIn(requested.get('blksize'), 8, 65464)
  const windows = numberIn(requested.get('windowsize'), 1, 65535)
  const timeout = numberIn(requested.get('timeout'), 1, 255)
  const options: TransferOptions = {
    blockBytes: Math.min(blocks ?? 512, maxBlockBytes),
    windowBlocks: Math.min(windows ?? 1, maxWindowBlocks),
    timeoutS: Math.min(timeout ?? 1, 5),
  }
  const accepted: [string, number][] = []
  if (blocks !== undefined) accepted.push(['blksize', options.blockBytes])
  if (requested.has('tsize')) accepted.push(['tsize', size])
  // A timeout is accepted unchanged or not at all.
  if (timeout !== undefined && timeout === options.timeoutS) accepted.push(['timeout', timeout])
  if (windows !== undefined) accepted.push(['windowsize', options.windowBlocks])
  return { options, accepted }
}

/** Block `number`, from 1. The number on the wire wraps around after 65535. */
export function writeData(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0, opcodes.data, (number >> 8) & 255, number & 255), bytes])
}

/** The options that the server accepts. */
export function writeOptionAck(accepted: readonly (readonly [string, number])[]): Buffer {
  const text = accepted.map(([name, value]) => `${name}\0${value}\0`).join('')
  return Buffer.concat([Buffer.of(0, opcodes.optionAck), Buffer.from(text, 'latin1')])
}

/** An error, which ends the transfer. */
export function writeErrorPacket(code: number, text: string): Buffer {
  return Buffer.concat([Buffer.of(0, opcodes.error, 0, code), Buffer.from(`${text}\0`, 'latin1')])
}
