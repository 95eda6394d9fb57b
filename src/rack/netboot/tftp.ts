// A TFTP server for the files of network boot: read only, and each request is decided by its name and its sender.
import type { RemoteInfo, Socket } from 'node:dgram'
import { BlockSender } from './block-sender.ts'
import { agreeOptions, parseTftp, tftpErrors, type TftpPacket, writeErrorPacket } from './tftp-packet.ts'
import { closeUdp, openUdp, sendUdp } from './udp.ts'

/** A file for a machine. */
export interface TftpFile {
  /** Transfers of one owner are bounded. */
  owner: string
  content: Buffer
  onEnd: (failure: string | undefined) => void
}

/** The address to serve at, and the files. */
export interface TftpOptions {
  address: string
  port: number
  /** The file for a request, or why the sender gets none. `provoke` sends the sender a packet. */
  find: (name: string, peer: string, provoke: () => void) => Promise<TftpFile | { refusal: string }>
}

/** The maximum number of transfers to one machine: a ROM that starts again abandons its old transfer. */
const maxPerOwner = 4
/** The maximum number of concurrent lookups; further requests are dropped, and clients repeat them. */
const maxLookups = 64
const maxTries = 10
/** The discard port, which drops all packets. */
const discardPort = 9

type ReadRequest = Extract<TftpPacket, { kind: 'read' }>

/** A running transfer. */
interface Transfer {
  owner: string
  end: (failure?: string) => void
}

/** Starts the server. @throws RackError if the port is not available */
export async function startTftp({ address, port, find }: TftpOptions): Promise<AsyncDisposable> {
  const socket = await openUdp({ host: address, port, use: 'TFTP' })
  /** By the client's address and port, so that a repeated request does not start a second transfer. */
  const transfers = new Map<string, Transfer | undefined>()
  const running = new Set<Promise<void>>()
  let lookups = 0

  const refuse = (peer: RemoteInfo, code: number, text: string) =>
    sendUdp(socket, writeErrorPacket(code, text), peer.port, peer.address)

  const answer = async (request: ReadRequest, peer: RemoteInfo, key: string) => {
    if (lookups >= maxLookups) return
    lookups++
    transfers.set(key, undefined)
    try {
      const provoke = () => void sendUdp(socket, Buffer.alloc(0), discardPort, peer.address)
      const file = await find(request.name, peer.address, provoke)
      // Sent before anything else happens: without an answer, iPXE waits for half a minute.
      if ('refusal' in file) return await refuse(peer, tftpErrors.notFound, file.refusal)
      const older = [...transfers.values()].filter((transfer) => transfer?.owner === file.owner)
      if (older.length >= maxPerOwner) older[0]?.end('the machine started again')
      const transfer = send(file, request, peer, address, (started) => transfers.set(key, started))
      running.add(transfer)
      void transfer.finally(() => {
        transfers.delete(key)
        running.delete(transfer)
      })
    } finally {
      lookups--
      if (transfers.get(key) === undefined) transfers.delete(key)
    }
  }

  socket.on('message', (bytes, peer) => {
    const packet = parseTftp(bytes)
    const key = `${peer.address}:${peer.port}`
    if (packet === undefined || transfers.has(key) || peer.port === 0) return
    if (packet.kind === 'write') void refuse(peer, tftpErrors.access, 'this server is read only')
    else if (packet.kind === 'read' && packet.mode === 'octet') void answer(packet, peer, key)
    else if (packet.kind === 'read') void refuse(peer, tftpErrors.illegal, 'only mode octet is served')
  })

  return {
    async [Symbol.asyncDispose]() {
      await closeUdp(socket)
      for (const transfer of transfers.values()) transfer?.end('the server stops')
      await Promise.all(running)
    },
  }
}

/** Sends a file to a client, from a port of its own. */
async function send(
  file: TftpFile,
  request: ReadRequest,
  peer: RemoteInfo,
  address: string,
  onStart: (transfer: Transfer) => void,
): Promise<void> {
  const { options, accepted } = agreeOptions(request.options, file.content.length)
  const blocks = new BlockSender(file.content, options, accepted)
  const socket = await openUdp({ host: address, port: 0, use: 'a TFTP transfer' }).catch(() => undefined)
  if (socket === undefined) return file.onEnd('no socket is left')
  const failure = await exchange(socket, blocks, peer, options.timeoutS * 1000, (end) =>
    onStart({ owner: file.owner, end }),
  )
  await closeUdp(socket)
  file.onEnd(failure)
}

/** Sends blocks until the client has all of them. @returns why the transfer ended early, if it did */
function exchange(
  socket: Socket,
  blocks: BlockSender,
  peer: RemoteInfo,
  timeoutMs: number,
  onStart: (end: Transfer['end']) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    let tries = 0
    const end = (failure?: string) => {
      clearTimeout(timer)
      resolve(failure)
    }
    const transmit = () => {
      clearTimeout(timer)
      tries++
      if (tries > maxTries) {
        end('the machine stopped asking for more')
        return
      }
      timer = setTimeout(transmit, timeoutMs)
      for (const packet of blocks.pending()) socket.send(packet, peer.port, peer.address)
    }
    socket.on('message', (bytes, from) => {
      // Anyone can send to this port; packets from others than the client are ignored.
      const isClient = from.port === peer.port && from.address === peer.address
      const packet = isClient ? parseTftp(bytes) : undefined
      if (packet?.kind === 'error') end(`the machine ended it: ${packet.text || `error ${packet.code}`}`)
      if (packet?.kind !== 'ack' || !blocks.acknowledge(packet.block)) return
      tries = 0
      if (blocks.isDone) end()
      else transmit()
    })
    onStart(end)
    transmit()
  })
}
