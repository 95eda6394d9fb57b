// A LAN of network namespaces: a switch, a router with an existing DHCP server, this rack's computer, and QEMU machines.
// The namespaces have no names; each exists as long as its process, which ends with the test's process.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { rolldown } from 'rolldown'
import { vi } from 'vitest'
import type { HeardServer } from '../../../src/rack/netboot/dhcp-servers.ts'
import type { Step, BootStop } from '../../../src/rack/netboot/steps.ts'
import { needsRoot } from '../../helpers/needs.ts'
import type { Command, ServerOptions } from './lan-server.ts'

/** The rack's computer and the router. */
export const [rackAddress, routerAddress] = ['10.77.0.10', '10.77.0.1']

const ovmf = '/usr/share/OVMF'

/** Skips if namespaces, programs or firmware are missing, except in CI. */
export function needsLan(): { skip: boolean; timeout: number } {
  const programs = [
    'ip',
    'unshare',
    'nsenter',
    'setpriv',
    'sysctl',
    'dnsmasq',
    'tcpdump',
    'qemu-system-x86_64',
    'busybox',
  ]
  const { skip } = needsRoot(...programs)
  const files = ['/usr/lib/ipxe/undionly.kpxe', '/usr/lib/ipxe/snponly.efi', `${ovmf}/OVMF_CODE_4M.fd`, '/dev/net/tun']
  const missing = files.filter((file) => !existsSync(file))
  const makesNamespaces =
    spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' }).status === 0
  const lacks = [...missing, ...(makesNamespaces ? [] : ['network namespaces'])]
  if (!skip && lacks.length > 0) process.stderr.write(`skipped: ${lacks.join(', ')} not available\n`)
  return { skip: skip || (lacks.length > 0 && process.env['CI'] !== 'true'), timeout: 600_000 }
}

/** Skips if a network namespace or a program is missing, except in CI. */
export function needsNamespace(...programs: string[]): { skip: boolean } {
  const { skip } = needsRoot('ip', 'unshare', 'nsenter', 'setpriv', ...programs)
  const makesOne = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' }).status === 0
  if (!skip && !makesOne) process.stderr.write('skipped: network namespaces not available\n')
  return { skip: skip || (!makesOne && process.env['CI'] !== 'true') }
}

/** A process that ends with this one. */
function start(command: string, args: readonly string[]): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** Ends a process, and waits for that. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Waits for a condition. */
async function until(isMet: () => boolean, what: string): Promise<void> {
  const check = () => {
    if (!isMet()) throw new Error(`still waiting for ${what}`)
  }
  await vi.waitFor(check, { interval: 10, timeout: 60_000 })
}

/** A network namespace. */
export class Namespace {
  readonly children: ChildProcess[] = []
  #pid = 0

  /** Opens it, and waits until its process is in it. */
  async open(): Promise<this> {
    const holder = start('unshare', ['-n', 'sleep', 'infinity'])
    this.children.push(holder)
    this.#pid = holder.pid ?? 0
    const own = readlinkSync('/proc/self/ns/net')
    await until(() => readlinkSync(`/proc/${this.#pid}/ns/net`) !== own, 'a namespace')
    this.run('ip', 'link', 'set', 'lo', 'up')
    return this
  }

  get pid(): string {
    return String(this.#pid)
  }

  /** The words before a program that let it run here. */
  get before(): readonly string[] {
    return ['nsenter', '-t', this.pid, '-n']
  }

  run(...words: string[]): string {
    return execFileSync('nsenter', ['-t', this.pid, '-n', ...words], { encoding: 'utf8' })
  }

  /** Loads a URL with curl. @throws an error if it refuses */
  load(url: string): Buffer {
    const words = ['curl', '--silent', '--show-error', '--max-time', '20', '--path-as-is', '--output', '-', url]
    return execFileSync('nsenter', ['-t', this.pid, '-n', ...words], {
      maxBuffer: 2 ** 24,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  }

  start(...words: string[]): ChildProcess {
    const child = start('nsenter', ['-t', this.pid, '-n', ...words])
    this.children.push(child)
    return child
  }

  async close(): Promise<void> {
    await Promise.all(this.children.toReversed().map(end))
  }
}

/** A machine that is on, and its serial console. */
export interface Machine {
  text: () => string
  off: () => Promise<void>
}

/** A line of its server. */
export interface Printed {
  ready?: boolean
  failed?: string
  step?: Step
  method?: string
  asked?: string
  stop?: BootStop
  heard?: HeardServer[]
}

/** A rack's computer that serves. */
export interface Rack {
  steps: Step[]
  /** Paths that were asked for by HTTP. */
  asked: string[]
  isShared: boolean
  tell: (command: Command) => Promise<Printed[]>
  stop: () => Promise<void>
}

/** The LAN. */
export class Lan {
  readonly folder = mkdtempSync(join(tmpdir(), 'metalkit-lan-'))
  readonly #switch = new Namespace()
  readonly router = new Namespace()
  readonly rackHost = new Namespace()
  #taps = 0
  #server = ''

  /** Opens it, with a DHCP server on the router whose configuration has these further lines, or without. */
  async open(routerLines: readonly string[] | 'no DHCP' = []): Promise<this> {
    await Promise.all([this.#switch.open(), this.router.open(), this.rackHost.open(), this.#build()])
    this.#switch.run('ip', 'link', 'add', 'br0', 'type', 'bridge')
    this.#switch.run('ip', 'link', 'set', 'br0', 'up')
    this.join('v-router', this.router, routerAddress)
    this.join('v-rack', this.rackHost, rackAddress)
    this.rackHost.run('ip', 'route', 'add', 'default', 'via', routerAddress)
    if (routerLines !== 'no DHCP') await this.startDhcp(this.router, routerAddress, routerLines)
    return this
  }

  /** Joins a namespace to the switch, with an address. */
  join(port: string, host: Namespace, address?: string, mac?: string): void {
    const own = mac === undefined ? [] : ['address', mac]
    this.#switch.run('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', ...own, 'netns', host.pid)
    this.#switch.run('ip', 'link', 'set', port, 'master', 'br0', 'up')
    if (address !== undefined) host.run('ip', 'address', 'add', `${address}/24`, 'brd', '+', 'dev', 'eth0')
    host.run('ip', 'link', 'set', 'eth0', 'up')
  }

  /** A computer on the LAN that no firmware runs on, as a machine's ROM may be played by a test. */
  async host(address: string | undefined, mac: string): Promise<Namespace> {
    const host = await new Namespace().open()
    this.#hosts.push(host)
    this.join(`v-host${this.#hosts.length}`, host, address, mac)
    return host
  }

  readonly #hosts: Namespace[] = []

  /** Starts dnsmasq as a DHCP server that does not know this rack. */
  async startDhcp(host: Namespace, address: string, lines: readonly string[] = []): Promise<void> {
    const range = ['dhcp-range=10.77.0.100,10.77.0.200,1h', `dhcp-option=option:router,${routerAddress}`, 'no-ping']
    await this.#startDnsmasq(host, address, [...range, ...lines])
  }

  /** Starts dnsmasq as somebody else's ProxyDHCP server. */
  async startProxyDhcp(host: Namespace, address: string): Promise<void> {
    await this.#startDnsmasq(host, address, [
      'dhcp-range=10.77.0.0,proxy',
      'pxe-service=X86-64_EFI,"theirs",theirs.efi',
    ])
  }

  async #startDnsmasq(host: Namespace, address: string, lines: readonly string[]): Promise<void> {
    const file = join(this.folder, `dnsmasq-${host.pid}.conf`)
    const base = ['port=0', `dhcp-leasefile=${file}.leases`, 'user=root', 'log-dhcp', 'log-facility=-']
    writeFileSync(file, [...base, `listen-address=${address}`, ...lines, ''].join('\n'))
    const dnsmasq = host.start('dnsmasq', '--keep-in-foreground', `--conf-file=${file}`)
    let log = ''
    dnsmasq.stderr?.on('data', (bytes: Buffer) => (log += bytes.toString()))
    await until(() => /DHCP, (?:IP range|proxy)/.test(log), 'dnsmasq')
  }

  async #build(): Promise<void> {
    this.#server = join(this.folder, 'lan-server.mjs')
    const bundle = await rolldown({ input: 'test/rack/netboot/lan-server.ts', platform: 'node' })
    await bundle.write({ file: this.#server, format: 'esm' })
    await bundle.close()
  }

  /** Starts network boot on a computer of the LAN. @param before words before the program, such as setpriv's */
  async startRack(
    options: Partial<ServerOptions>,
    host = this.rackHost,
    before: readonly string[] = [],
  ): Promise<Rack> {
    const all: ServerOptions = {
      address: rackAddress,
      mode: 'proxy',
      macs: [],
      binaries: { bios: '/usr/lib/ipxe/undionly.kpxe', uefi: '/usr/lib/ipxe/snponly.efi' },
      filesUrl: `http://${rackAddress}:7070/ipxe/`,
      pages: {},
      ...options,
    }
    const child = host.start(...before, process.execPath, this.#server, JSON.stringify(all))
    const rack: Rack = { steps: [], asked: [], isShared: false, tell, stop: () => end(child) }
    const printed: Printed[] = []
    let errors = ''
    child.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    if (child.stdout === null) throw new Error('no output')
    const lines = createInterface(child.stdout)
    lines.on('line', (line) => {
      const value: Printed = JSON.parse(line)
      printed.push(value)
      if (value.step !== undefined) rack.steps.push(value.step)
      if (value.asked !== undefined) rack.asked.push(`${value.method} ${value.asked}`)
    })
    /** Waits for a line with a key, from this one on. */
    const wait = async (key: string, from: number) => {
      const fails = () => printed.find((value) => 'failed' in value)
      await until(
        () => printed.slice(from).some((value) => key in value) || fails() !== undefined || errors !== '',
        key,
      )
      const failed = fails()
      if (failed !== undefined || errors !== '') throw new Error(failed?.failed ?? errors)
      return printed.slice(from)
    }
    async function tell(command: Command) {
      const from = printed.length
      child.stdin?.write(`${JSON.stringify(command)}\n`)
      return wait('done', from)
    }
    const [ready] = await wait('ready', 0)
    rack.isShared = ready?.ready === true
    return rack
  }

  /** Puts a machine's network card on the switch. @returns its port */
  plug(): string {
    const tap = `tap${++this.#taps}`
    this.#switch.run('ip', 'tuntap', 'add', tap, 'mode', 'tap')
    this.#switch.run('ip', 'link', 'set', tap, 'master', 'br0', 'up')
    return tap
  }

  /** Starts QEMU with a network card at a port of the switch. If `isBootable`, its firmware boots from the network. */
  startQemu(
    firmware: 'bios' | 'uefi',
    { tap, mac, isBootable = true }: { tap: string; mac: string; isBootable?: boolean },
    more: readonly string[],
  ): ChildProcess {
    const boot = isBootable ? `,bootindex=0${firmware === 'uefi' ? ',romfile=' : ''}` : ',romfile='
    const args = [
      ['-no-user-config', '-nodefaults', '-display', 'none'],
      ['-machine', 'q35', '-m', '768', '-accel', 'tcg,thread=multi', '-boot', 'strict=on'],
      firmware === 'bios' ? this.#bios() : this.#uefi(tap),
      ['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no`],
      ['-device', `virtio-net-pci,netdev=n0,mac=${mac}${boot}`],
    ].flat()
    return this.#switch.start('qemu-system-x86_64', ...args, ...more)
  }

  /** Switches a machine on, whose firmware boots from the network. */
  powerOn(firmware: 'bios' | 'uefi', mac: string, more: readonly string[] = []): Machine {
    const card = { tap: this.plug(), mac }
    const qemu = this.startQemu(firmware, card, ['-no-reboot', '-serial', 'stdio', ...more])
    let text = ''
    qemu.stdout?.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
    qemu.stderr?.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
    return { text: () => text, off: () => end(qemu) }
  }

  #bios(): string[] {
    // SeaBIOS shows its screen, and that of option ROMs, on the first serial port.
    const sercon = join(this.folder, 'sercon')
    writeFileSync(sercon, Buffer.of(0xf8, 0x03))
    return ['-fw_cfg', `name=etc/sercon-port,file=${sercon}`]
  }

  #uefi(name: string): string[] {
    const variables = join(this.folder, `${name}.fd`)
    copyFileSync(`${ovmf}/OVMF_VARS_4M.fd`, variables)
    return [
      ['-drive', `if=pflash,format=raw,readonly=on,file=${ovmf}/OVMF_CODE_4M.fd`],
      ['-drive', `if=pflash,format=raw,file=${variables}`],
      ['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'],
    ].flat()
  }

  /** Captures the traffic on the LAN. @returns the lines so far */
  async sniff(filter: string): Promise<() => string[]> {
    const tcpdump = this.#switch.start('tcpdump', '-l', '-n', '-i', 'br0', filter)
    let [lines, words] = ['', '']
    tcpdump.stdout?.on('data', (bytes: Buffer) => (lines += bytes.toString()))
    tcpdump.stderr?.on('data', (bytes: Buffer) => (words += bytes.toString()))
    await until(() => words.includes('listening on'), 'tcpdump')
    return () => lines.split('\n').filter((line) => line !== '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of [...this.#hosts, this.rackHost, this.router, this.#switch]) await host.close()
    rmSync(this.folder, { recursive: true })
  }
}
