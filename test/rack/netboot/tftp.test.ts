import { execFile } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import { array, assert, boolean, constantFrom, integer, property, tuple, uint8Array } from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { BlockSender } from '../../../src/rack/netboot/block-sender.ts'
import { startTftp, type TftpFile } from '../../../src/rack/netboot/tftp.ts'
import { agreeOptions, parseTftp, writeErrorPacket } from '../../../src/rack/netboot/tftp-packet.ts'
import { needs } from '../../helpers/needs.ts'

const seed = 16_032
const content = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 251))

/** The bytes of a read request. */
function read(name: string, mode = 'octet', ...pairs: string[]): Buffer {
  return Buffer.concat([Buffer.of(0, 1), Buffer.from([name, mode, ...pairs, ''].join('\0'), 'latin1')])
}

const ack = (block: number) => Buffer.of(0, 4, block >> 8, block & 255)

/** A client that shows every packet that it got. */
async function startClient(port: number) {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  const got: { bytes: Buffer; port: number }[] = []
  socket.on('message', (bytes, from) => got.push({ bytes, port: from.port }))
  const send = (bytes: Buffer, to = got.at(-1)?.port ?? port) => socket.send(bytes, to, '127.0.0.1')
  const receive = async (count: number) => {
    await expect.poll(() => got.length, { interval: 5 }).toBeGreaterThanOrEqual(count)
    return got
  }
  return { send, receive, got }
}

/** A port that no UDP socket has; TCP's are asked for, whose numbers are free as often. */
async function findPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function startServer(file: Partial<TftpFile> = {}) {
  const port = await findPort()
  const ends: (string | undefined)[] = []
  const asked: string[] = []
  const server = await startTftp({
    address: '127.0.0.1',
    port,
    find: async (name) => {
      asked.push(name)
      if (name !== 'a.kpxe') return { refusal: 'no such file' }
      return { owner: 'r1', content, onEnd: (failure) => void ends.push(failure), ...file }
    },
  })
  let isStopped = false
  const stop = async () => {
    if (!isStopped) await server[Symbol.asyncDispose]()
    isStopped = true
  }
  onTestFinished(stop)
  return { port, ends, asked, stop }
}

describe('a TFTP request', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['data, which a client does not send', Buffer.of(0, 3, 0, 1, 65)],
    ['an unknown kind', Buffer.of(0, 9, 0, 1)],
    ['a name without its end', Buffer.from('\0\u0001abc', 'latin1')],
    ['a name without a mode', Buffer.from('\0\u0001abc\0', 'latin1')],
    ['no name', read('')],
    ['more bytes than a request has', read('a'.repeat(1100))],
  ])('is none with %s', (_, bytes) => {
    expect(parseTftp(bytes)).toBeUndefined()
  })

  test('is read with its options, and without the garbage that some firmware sends after the name', () => {
    expect(parseTftp(read('a.efi\u00ff', 'OCTET', 'BlkSize', '1468', 'tsize', '0'))).toEqual({
      kind: 'read',
      name: 'a.efi',
      mode: 'octet',
      options: new Map([
        ['blksize', '1468'],
        ['tsize', '0'],
      ]),
    })
  })

  test('never makes the parser fail', () => {
    const bytes = tuple(integer({ min: 0, max: 7 }), uint8Array({ maxLength: 600 }))
    assert(
      property(bytes, ([code, rest]) => void parseTftp(Buffer.concat([Buffer.of(0, code), rest]))),
      { seed, numRuns: 5000 },
    )
  })

  test.each([
    [{}, { blockBytes: 512, windowBlocks: 1, timeoutS: 1 }, []],
    [{ tsize: '0' }, {}, [['tsize', 5000]]],
    [{ blksize: '1468' }, { blockBytes: 1428 }, [['blksize', 1428]]],
    [{ blksize: '7' }, { blockBytes: 512 }, []],
    [{ blksize: '99999999999' }, { blockBytes: 512 }, []],
    [{ blksize: '-8' }, { blockBytes: 512 }, []],
    [{ windowsize: '4' }, { windowBlocks: 4 }, [['windowsize', 4]]],
    [{ windowsize: '65535' }, { windowBlocks: 16 }, [['windowsize', 16]]],
    [{ timeout: '3' }, { timeoutS: 3 }, [['timeout', 3]]],
    [{ timeout: '255' }, { timeoutS: 5 }, []],
    [{ multicast: '' }, {}, []],
  ])('agrees on %j', (asked, options, accepted) => {
    const agreed = agreeOptions(new Map(Object.entries(asked)), content.length)
    expect(agreed.options).toMatchObject(options)
    expect(agreed.accepted).toEqual(accepted)
  })
})

describe('the blocks of a file', () => {
  test('arrive completely, even if the network loses, duplicates and delays packets', () => {
    const network = array(tuple(boolean(), boolean()), { minLength: 1, maxLength: 40 })
    const sizes = tuple(
      constantFrom(0, 1, 8, 64, 511, 512, 513, 1024, 5000),
      constantFrom(8, 512),
      constantFrom(1, 3, 16),
    )
    assert(
      property(network, sizes, ([...fate], [size, blockBytes, windowBlocks]) => {
        const file = content.subarray(0, size)
        const sender = new BlockSender(file, { blockBytes, windowBlocks, timeoutS: 1 }, [['tsize', size]])
        const received: Buffer[] = []
        let step = 0
        let rounds = 0
        while (!sender.isDone) {
          rounds++
          if (rounds > 20_000) throw new Error('the transfer does not end')
          // A round without losses ends any run of losses.
          const [loses, doubles] = rounds % 5 === 0 ? [false, false] : (fate[step++ % fate.length] ?? [false, false])
          const packets = sender.pending()
          const arrived = loses ? packets.slice(1) : packets
          let last = received.length
          for (const packet of arrived) {
            if (packet[1] === 6) last = 0
            else if (packet.readUInt16BE(2) === ((received.length + 1) & 0xffff)) received.push(packet.subarray(4))
            last = packet[1] === 6 ? 0 : received.length
          }
          if (arrived.length === 0) continue
          sender.acknowledge(last & 0xffff)
          if (doubles) expect(sender.acknowledge(last & 0xffff)).toBe(false)
        }
        expect(Buffer.concat(received).equals(file)).toBe(true)
      }),
      { seed, numRuns: 300 },
    )
  })

  test('continue after block 65535', () => {
    const file = Buffer.alloc(8 * 70_000, 'x')
    const sender = new BlockSender(file, { blockBytes: 8, windowBlocks: 1, timeoutS: 1 }, [])
    let count = 0
    let isNew = true
    while (!sender.isDone && isNew) {
      count++
      isNew = sender.acknowledge(sender.pending()[0]?.readUInt16BE(2) ?? -1)
    }
    // The last one is empty, since the file ends with a full block.
    expect(count).toBe(70_001)
  })
})

describe('the TFTP server', () => {
  test.each([
    ['without options', []],
    ['with a block size', ['--tftp-blksize', '1428']],
    ['with small blocks', ['--tftp-blksize', '8']],
    ['without any options', ['--tftp-no-options']],
  ])("serves curl's TFTP %s", needs('curl'), async (_, options) => {
    const { port, ends } = await startServer()
    const url = `tftp://127.0.0.1:${port}/a.kpxe`
    const { stdout } = await promisify(execFile)('curl', ['-sS', ...options, url], { encoding: 'buffer' })
    expect(stdout.equals(content)).toBe(true)
    await expect.poll(() => ends).toEqual([undefined])
  })

  test('refuses missing files immediately', async () => {
    const { port } = await startServer()
    const client = await startClient(port)
    client.send(read('../a.kpxe'))
    const [answer] = await client.receive(1)
    expect([answer?.bytes, answer?.port]).toEqual([writeErrorPacket(1, 'no such file'), port])
  })

  test('is read-only, and serves bytes', async () => {
    const { port, asked } = await startServer()
    const client = await startClient(port)
    client.send(Buffer.concat([Buffer.of(0, 2), Buffer.from('a.kpxe\0octet\0')]))
    expect((await client.receive(1))[0]?.bytes).toEqual(writeErrorPacket(2, 'this server is read only'))
    client.send(read('a.kpxe', 'netascii'), port)
    expect((await client.receive(2))[1]?.bytes).toEqual(writeErrorPacket(4, 'only mode octet is served'))
    expect(asked).toEqual([])
  })

  test('repeats a block until it is acknowledged, but not for a duplicate acknowledgement', async () => {
    const { port, ends } = await startServer({ content: content.subarray(0, 600) })
    const client = await startClient(port)
    client.send(read('a.kpxe'))
    await client.receive(2)
    client.send(ack(1))
    client.send(ack(1))
    client.send(ack(1))
    // The second block, and that again a second later.
    const got = await client.receive(4)
    client.send(ack(2))
    await expect.poll(() => ends).toEqual([undefined])
    expect(got.map(({ bytes }) => bytes.readUInt16BE(2))).toEqual([1, 1, 2, 2])
  })

  test('does not let others end or control a transfer', async () => {
    const { port, ends } = await startServer({ content: content.subarray(0, 600) })
    const client = await startClient(port)
    const stranger = await startClient(port)
    client.send(read('a.kpxe'))
    const transferPort = (await client.receive(1))[0]?.port ?? 0
    stranger.send(writeErrorPacket(0, 'stop'), transferPort)
    stranger.send(ack(1), transferPort)
    stranger.send(Buffer.from('rubbish'), transferPort)
    client.send(Buffer.from('rubbish'))
    client.send(ack(9))
    client.send(ack(1))
    await client.receive(2)
    client.send(ack(2))
    await expect.poll(() => ends).toEqual([undefined])
    expect(stranger.got).toEqual([])
  })

  test('handles a repeated request once, and lets the client end the transfer', async () => {
    const { port, asked, ends } = await startServer()
    const client = await startClient(port)
    for (let count = 0; count < 5; count++) client.send(read('a.kpxe', 'octet', 'tsize', '0'), port)
    const [first] = await client.receive(1)
    expect(first?.bytes.subarray(2).toString()).toBe('tsize\u00005000\0')
    client.send(writeErrorPacket(8, 'User aborted the transfer'))
    await expect.poll(() => ends).toEqual(['the machine ended it: User aborted the transfer'])
    expect(asked).toEqual(['a.kpxe'])
  })

  test('limits the transfers of a machine: the oldest is ended', async () => {
    const { port, ends } = await startServer()
    const clients = await Promise.all([1, 2, 3, 4, 5].map(async () => startClient(port)))
    for (const client of clients) {
      client.send(read('a.kpxe'))
      await client.receive(1)
    }
    await expect.poll(() => ends).toEqual(['the machine started again'])
  })

  test('survives a flood of garbage and requests, and still serves afterwards', async () => {
    const { port, ends } = await startServer()
    const flood: Socket = createSocket('udp4')
    onTestFinished(() => void flood.close())
    for (let count = 0; count < 2000; count++) {
      const bytes = count % 3 === 0 ? read(`x${count}`) : Buffer.alloc(count % 700, count)
      flood.send(bytes, port, '127.0.0.1')
    }
    const client = await startClient(port)
    // A request that is lost in the flood is sent again, as ROMs do.
    await expect
      .poll(
        () => {
          if (client.got.length === 0) client.send(read('a.kpxe', 'octet', 'blksize', '8'), port)
          return client.got.length
        },
        { interval: 200 },
      )
      .toBeGreaterThan(0)
    client.send(writeErrorPacket(0, 'enough'))
    await expect.poll(() => ends).toEqual(['the machine ended it: enough'])
  })

  test('ends its transfers when it stops', async () => {
    const { port, stop, ends } = await startServer()
    const client = await startClient(port)
    client.send(read('a.kpxe'))
    await client.receive(1)
    await stop()
    expect(ends).toEqual(['the server stops'])
  })
})
