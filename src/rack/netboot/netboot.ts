// Network boot for the machines of a rack: a ProxyDHCP server and a TFTP server beside the existing DHCP server.
// Only an armed machine gets answers; every other machine boots as if there were no network boot.
import { readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { type Clock, systemClock } from '../../clock.ts'
import { RackError } from '../../errors.ts'
import { describeCondition } from '../../text/system-error.ts'
import { type AnswerSource, chooseFile, destinationOf, writeAnswer } from './boot-answer.ts'
import { type BinaryKind, binaryKinds, recognizeClient } from './boot-client.ts'
import { type DhcpPacket, formatIp, maxOptionBytes, messageTypes, options, parseDhcp } from './dhcp-packet.ts'
import { openDhcpPorts } from './dhcp-ports.ts'
import { type Note, ServedFiles } from './served-files.ts'
import { StepHistory } from './step-history.ts'
import type { Step } from './steps.ts'
import { startTftp } from './tftp.ts'
import { closeUdp, openUdp, type Ports, sendUdp, standardPorts } from './udp.ts'

/** The options of network boot. */
export interface NetbootOptions {
  /** The IPv4 address of this computer on the network of the machines. */
  address: string
  /** `none` answers no DHCP request: the router names the boot file. */
  mode: 'proxy' | 'none'
  /** The MACs of the rack's machines, lower case with colons. No other computer ever gets an answer. */
  macs: Iterable<string>
  /** Paths of the builds of iPXE. */
  binaries: Partial<Record<BinaryKind, string | undefined>>
  /** The URL at which a server that uses `fileFor` serves them to UEFI HTTP Boot, with a trailing slash. */
  filesUrl?: string | undefined
  /** Called for each step of a machine of the rack. */
  onStep: (step: Step) => void
  clock?: Clock
  ports?: Ports
}

/** Running network boot. */
export interface Netboot extends AsyncDisposable {
  /** True if a DHCP server on this computer uses port 67 too; requests through a relay are then not received. */
  isShared: boolean
  /** Lets a machine boot: its iPXE gets this script. @throws RackError if the URL is too long, or the MAC not of the rack */
  arm(mac: string, script: string): void
  /** Makes it boot as if there were no network boot. */
  disarm(mac: string): void
  /** The steps of a machine since it was last armed, for explainStop. */
  stepsOf(mac: string): readonly Step[]
  /** For UEFI HTTP Boot: the file at a path under `filesUrl`, for a client at this address; undefined if the client gets none. */
  fileFor(path: string, client: string): Promise<ServedFile | undefined>
}

/** A file to send by HTTP. */
export interface ServedFile {
  content: Buffer
  /** Call this when the whole file has been sent. */
  onSent: () => void
}

/** For a rack whose machines all boot from a disc: it opens no port. */
export const noNetboot: Netboot = {
  isShared: false,
  arm() {},
  disarm() {},
  stepsOf: () => [],
  fileFor: async () => undefined,
  async [Symbol.asyncDispose]() {},
}

async function readBinaries(paths: NetbootOptions['binaries']): Promise<Map<BinaryKind, Buffer>> {
  const contents = new Map<BinaryKind, Buffer>()
  for (const kind of binaryKinds) {
    const path = paths[kind]
    if (path === undefined) continue
    try {
      contents.set(kind, await readFile(path))
    } catch (error) {
      throw new RackError(`cannot read the iPXE for ${kind}, "${path}": ${describeCondition(error)}`, { cause: error })
    }
  }
  return contents
}

/** Starts network boot. @throws RackError if a port is not available or a binary cannot be read */
export async function startNetboot(netbootOptions: NetbootOptions): Promise<Netboot> {
  const { address, mode, filesUrl, onStep, clock = systemClock, ports = standardPorts } = netbootOptions
  if (!isIPv4(address)) throw new RackError(`"${address}" is not an IPv4 address, which network boot needs`)
  const contents = await readBinaries(netbootOptions.binaries)
  const source: AnswerSource = { address, binaries: new Set(contents.keys()), filesUrl }
  const known = new Set(netbootOptions.macs)
  const armed = new Map<string, string>()
  const history = new StepHistory()
  const note = (without: Note) => {
    const step = { ...without, at: clock.now() }
    if (history.add(step)) onStep(step)
  }
  /** Machines whose last request was iPXE's, by their MACs. */
  const runsIpxe = new Set<string>()
  const files = new ServedFiles(contents, armed, known, runsIpxe, note)

  /** Decides on a request. @returns the answer, if there is one */
  const decide = (request: DhcpPacket): Buffer | undefined => {
    const { mac } = request
    const client = recognizeClient(request)
    const script = armed.get(mac)
    if (request.type === messageTypes.discover) {
      note({ kind: 'discover', mac, client })
      if (client.stage === 'ipxe') runsIpxe.add(mac)
      else runsIpxe.delete(mac)
    }
    if (client.stage === 'system' || mode === 'none' || script === undefined) return undefined
    const choice = chooseFile(client, mac, script, source)
    if ('problem' in choice) {
      note({ kind: 'refused', mac, why: choice.problem })
      return undefined
    }
    note({ kind: 'offer', mac, client, file: choice.file })
    return writeAnswer(request, client, choice.file, address)
  }

  const parseKnown = (bytes: Buffer) => {
    const packet = parseDhcp(bytes)
    return packet?.isRequest === true && known.has(packet.mac) ? packet : undefined
  }

  const onDhcp = (bytes: Buffer) => {
    const request = parseKnown(bytes)
    if (request === undefined) return
    const server = request.options.get(options.server)
    if (request.type === messageTypes.request && server?.length === 4) {
      note({ kind: 'request', mac: request.mac, client: recognizeClient(request), server: formatIp(server) })
    }
    if (request.type !== messageTypes.discover) return
    const answer = decide(request)
    if (answer === undefined) return
    const { host, port } = destinationOf(request)
    const realPort = port === standardPorts.dhcp ? ports.dhcp : ports.dhcpClient
    // If sending fails, the client repeats its request.
    void dhcp.send(answer, realPort, host).catch(() => undefined)
  }

  const dhcp = await openDhcpPorts(address, ports, onDhcp)
  const opened: AsyncDisposable[] = [dhcp]
  try {
    if (mode === 'proxy') {
      const socket = await openUdp({ host: address, port: ports.pxe, use: 'PXE requests' })
      opened.push({ [Symbol.asyncDispose]: () => closeUdp(socket) })
      socket.on('message', (bytes, peer) => {
        const request = parseKnown(bytes)
        const isAsking = request?.type === messageTypes.request || request?.type === messageTypes.inform
        const answer = request !== undefined && isAsking ? decide(request) : undefined
        if (answer !== undefined) void sendUdp(socket, answer, peer.port, peer.address)
      })
    }
    opened.push(
      await startTftp({
        address,
        port: ports.tftp,
        find: (name, peer, provoke) => files.find(name, peer, 'TFTP', provoke),
      }),
    )
  } catch (error) {
    await Promise.all(opened.map((part) => part[Symbol.asyncDispose]()))
    throw error
  }

  return {
    isShared: dhcp.isShared,
    arm(mac, script) {
      if (!known.has(mac)) throw new RackError(`"${mac}" is not the MAC of a machine of the rack`)
      if (script.length > maxOptionBytes) {
        throw new RackError(
          `the boot URL "${script}" has ${script.length} bytes; DHCP can name one of at most ${maxOptionBytes}`,
        )
      }
      history.clear(mac)
      armed.set(mac, script)
    },
    disarm: (mac) => void armed.delete(mac),
    stepsOf: (mac) => history.of(mac),
    async fileFor(path, client) {
      const file = await files.find(path, client, 'HTTP')
      return 'refusal' in file ? undefined : { content: file.content, onSent: () => file.onEnd(undefined) }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((part) => part[Symbol.asyncDispose]()))
    },
  }
}
