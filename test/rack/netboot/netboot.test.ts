import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { describeError } from '../../../src/errors.ts'
import { startNetboot, type NetbootOptions } from '../../../src/rack/netboot/netboot.ts'
import { describeNetbootStep, type Step } from '../../../src/rack/netboot/steps.ts'
import { ipxeOptions, mac, parse, requestBytes } from './requests.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-netboot-'))
afterAll(() => rmSync(folder, { recursive: true }))
const bios = join(folder, 'undionly.kpxe')
writeFileSync(bios, 'iPXE')

const script = 'http://127.0.0.1/x.ipxe'
const other = '52:54:00:aa:00:02'

/** A socket on a free port. */
async function open(port = 0): Promise<Socket & { port: number }> {
  const socket = createSocket('udp4')
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  return Object.assign(socket, { port: socket.address().port })
}

/** Four ports that were free a moment ago. */
async function findPorts() {
  const sockets = await Promise.all([open(), open(), open(), open()])
  const [dhcp = 0, dhcpClient = 0, pxe = 0, tftp = 0] = sockets.map(({ port }) => port)
  for (const socket of sockets) socket.close()
  return { dhcp, dhcpClient, pxe, tftp }
}

async function start(more: Partial<NetbootOptions> = {}) {
  const ports = more.ports ?? (await findPorts())
  const steps: Step[] = []
  const netboot = await startNetboot({
    address: '127.0.0.1',
    mode: 'proxy',
    macs: [mac, other],
    binaries: { bios },
    filesUrl: 'http://127.0.0.1/ipxe/',
    onStep: (step) => steps.push(step),
    ...more,
    ports,
  })
  onTestFinished(async () => netboot[Symbol.asyncDispose]())
  const client = await open()
  onTestFinished(() => void client.close())
  const got: Buffer[] = []
  client.on('message', (bytes) => got.push(bytes))
  return { netboot, ports, steps, got, ask: (bytes: Buffer, port: number) => client.send(bytes, port, '127.0.0.1') }
}

const pxeRequest = (parts: object = {}) => requestBytes({ type: 3, vendor: 'PXEClient', ...parts })

describe('network boot', () => {
  test('answers on port 4011 a machine that is armed, and no other', async () => {
    const { netboot, ports, got, steps, ask } = await start()
    const say = (parts: object) => ask(pxeRequest(parts), ports.pxe)
    /** The other machine is answered, and so all before it was decided on. */
    const settle = async () => {
      say({ xid: 99, mac: other })
      const count = got.length
      await expect.poll(() => got.length > count && parse(got.at(-1) ?? Buffer.alloc(0)).xid, { interval: 5 }).toBe(99)
    }
    netboot.arm(other, script)
    say({ xid: 1 })
    say({ xid: 2, mac: '52:54:00:bb:00:01' })
    ask(Buffer.from('rubbish'), ports.pxe)
    await settle()
    netboot.arm(mac, script)
    // Neither another kind of message, nor what another server says.
    say({ xid: 3, type: 1 })
    const reply = pxeRequest({ xid: 4 })
    reply.writeUInt8(2, 0)
    ask(reply, ports.pxe)
    say({ xid: 5 })
    say({ xid: 6, type: 8, more: ipxeOptions })
    await settle()
    netboot.disarm(mac)
    say({ xid: 7 })
    await settle()
    expect(got.map(parse).map(({ xid, type, file }) => [xid, type, file])).toEqual([
      [99, 5, '52-54-00-aa-00-02/undionly.kpxe'],
      [5, 5, '52-54-00-aa-00-01/undionly.kpxe'],
      [6, 5, script],
      [99, 5, '52-54-00-aa-00-02/undionly.kpxe'],
      [99, 5, '52-54-00-aa-00-02/undionly.kpxe'],
    ])
    const offers = ['PXE on BIOS is offered 52-54-00-aa-00-01/undionly.kpxe', 'iPXE on BIOS is offered its script']
    expect(netboot.stepsOf(mac).slice(-2).map(describeNetbootStep)).toEqual(offers)
    expect(steps.filter((step) => step.mac === mac && step.kind === 'offer').map(describeNetbootStep)).toEqual(offers)
  })

  test('notes no step of a computer that is not in the rack', async () => {
    const { netboot, ports, steps, ask } = await start()
    ask(requestBytes({ vendor: 'PXEClient', mac: '52:54:00:bb:00:01' }), ports.dhcp)
    expect(await netboot.fileFor('52-54-00-bb-00-01/undionly.kpxe', '127.0.0.1')).toBeUndefined()
    ask(requestBytes({ vendor: 'PXEClient' }), ports.dhcp)
    await expect.poll(() => steps.map((step) => step.mac)).toEqual([mac])
  })

  test('says for which machine there is no iPXE', async () => {
    const { netboot, ports, steps, ask } = await start()
    netboot.arm(mac, script)
    ask(pxeRequest({ arch: 7 }), ports.pxe)
    await expect
      .poll(() => steps.map(describeNetbootStep))
      .toEqual(['gets nothing: no iPXE for UEFI x86_64 was found: name one under ipxe in the rack file'])
  })

  test('answers no DHCP request with dhcp: none, where another program may have the port', async () => {
    const { netboot, ports } = await start({ mode: 'none' })
    netboot.arm(mac, script)
    const taken = await open(ports.pxe)
    taken.close()
  })

  test('gives HTTP Boot the files of an armed machine', async () => {
    const { netboot, steps } = await start()
    // This computer has no MAC here; the folder names the machine.
    const path = '52-54-00-aa-00-01/undionly.kpxe'
    expect(await netboot.fileFor(path, '127.0.0.1')).toBeUndefined()
    netboot.arm(mac, script)
    const file = await netboot.fileFor(path, '127.0.0.1')
    expect(file?.content.toString()).toBe('iPXE')
    file?.onSent()
    for (const one of ['undionly.kpxe', `${path}/`, `../${path}`, '52-54-00-aa-00-02/undionly.kpxe', '']) {
      expect([one, await netboot.fileFor(one, '127.0.0.1')]).toEqual([one, undefined])
    }
    expect(steps.slice(1, 3).map(describeNetbootStep)).toEqual(['loads undionly.kpxe over HTTP', 'has undionly.kpxe'])
  })

  test('refuses what DHCP cannot name, and whom the file does not', async () => {
    const { netboot } = await start()
    expect(() => netboot.arm(mac, `http://x/${'y'.repeat(250)}`)).toThrow(
      'has 259 bytes; DHCP can name one of at most 255',
    )
    expect(() => netboot.arm('52:54:00:bb:00:01', script)).toThrow('"52:54:00:bb:00:01" is not the MAC of a machine')
  })
})

/** How a start fails, in the words that a user gets. */
async function failure(more: Partial<NetbootOptions>): Promise<string> {
  return start(more).then(() => 'it started', describeError)
}

describe('network boot does not start', () => {
  test('on a port that another program has, and leaves none open', async () => {
    const ports = await findPorts()
    const taken = await open(ports.tftp)
    onTestFinished(() => void taken.close())
    expect(await failure({ ports })).toBe(
      `rack: cannot listen on 127.0.0.1:${ports.tftp}/udp for TFTP: the port is taken by another program; stop it (ss -lunp "sport = :${ports.tftp}" names it)`,
    )
    for (const port of [ports.dhcp, ports.pxe]) (await open(port)).close()
  })

  test('on an address of another computer', async () => {
    expect(await failure({ address: '192.0.2.1' })).toMatch(
      /^rack: cannot listen on 192\.0\.2\.1:\d+\/udp for DHCP requests: "192\.0\.2\.1" is not an address of this computer; /,
    )
  })

  test('on what is no address', async () => {
    expect(await failure({ address: '::1' })).toBe('rack: "::1" is not an IPv4 address, which network boot needs')
  })

  test('without the iPXE that it is told of', async () => {
    expect(await failure({ binaries: { bios: join(folder, 'none') } })).toBe(
      `rack: cannot read the iPXE for bios, "${join(folder, 'none')}": no such file or directory`,
    )
  })
})
