// Machines with QEMU in them, and what switches each: a BMC, or programs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { waitUntil } from '../../helpers/lab.ts'
import { configureSim, simUser } from '../ipmi-sim.ts'
import { end, type Lan, type Namespace } from '../netboot/lan.ts'
import { startRedfishBmc } from '../redfish-bmc.ts'
import { startBmc, startPyghmi, type RunningBmc } from './pyghmi.ts'
import { bmcPassword } from './rack-program.ts'
import { type Running, WiredMachine } from './wired-machine.ts'

/** How a machine looks, and how it is switched. */
export interface BoardOptions {
  name: string
  mac: string
  firmware: 'bios' | 'uefi'
  by: 'ipmi_sim' | 'pyghmi' | 'commands' | 'redfish'
  boot?: 'pxe' | 'http' | 'media' | 'order'
  /** Its serial console, as the rack file names it. */
  tty?: string
  /** More words for QEMU. */
  more?: readonly string[]
  /** A port of the rack's computer for its BMC. */
  port: number
}

/** A machine on the LAN. */
export interface Board extends AsyncDisposable {
  machine: WiredMachine
  /** Absent if programs switch it. */
  bmc: RunningBmc | undefined
  /** The machine as the rack's file describes it. */
  section: Record<string, unknown>
  /** All that its serial line said. */
  text(): string
}

/** A serial line between two ends that are always there. */
async function layLine(folder: string): Promise<{ bmcEnd: string; machineEnd: string } & AsyncDisposable> {
  // ipmi_sim locks its end by the name without the folder, for the whole computer.
  const bmcEnd = join(folder, `tty-${randomUUID()}`)
  const lock = `/var/lock/LCK..${basename(bmcEnd)}`
  const machineEnd = join(folder, 'tty-machine')
  const ends = [`pty,rawer,link=${bmcEnd},wait-slave=0`, `pty,rawer,link=${machineEnd}`]
  const socat = spawn('setpriv', ['--pdeathsig', 'KILL', 'socat', ...ends], { stdio: 'ignore' })
  await waitUntil(
    () => existsSync(bmcEnd) && existsSync(machineEnd),
    (isThere) => isThere,
  )
  return {
    bmcEnd,
    machineEnd,
    async [Symbol.asyncDispose]() {
      await end(socat)
      rmSync(lock, { force: true })
    },
  }
}

/** Puts a machine on a LAN. */
export async function addBoard(lan: Lan, options: BoardOptions): Promise<Board> {
  const { name, mac, firmware, by, boot = 'pxe', tty, port, more = [] } = options
  const folder = join(lan.folder, name)
  mkdirSync(folder)
  const line = await layLine(folder)
  const tap = lan.plug()
  const log = join(folder, 'serial.log')
  const http = boot === 'http' ? ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n'] : []
  /** The BMC's drive: the machine reads the disc as the BMC loaded it. */
  const load = (url: string): string[] => {
    const image = join(folder, 'disc.iso')
    lan.rackHost.run('curl', '--fail', '--silent', '--output', image, url)
    return [
      '-drive',
      `if=none,id=cd,media=cdrom,format=raw,readonly=on,file=${image}`,
      '-device',
      'ide-cd,drive=cd,bootindex=0',
    ]
  }
  const start = (fromNetwork: boolean, disc?: string): Running => {
    const card = { tap, mac, isBootable: fromNetwork || boot === 'order' }
    const serial = `serial,id=s0,path=${line.machineEnd},logfile=${log},logappend=on`
    const qemu = lan.startQemu(firmware, card, [
      '-chardev',
      serial,
      '-serial',
      'chardev:s0',

      '-qmp',
      'stdio',
      ...http,
      ...(disc === undefined ? [] : load(disc)),
      ...more,
    ])
    let errors = ''
    qemu.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    qemu.stdin?.write('{"execute":"qmp_capabilities"}\n')
    return {
      ended: once(qemu, 'exit').then(() => {
        const words = errors.replaceAll(/^.*warning: externally provided fw_cfg.*\n/gm, '')
        if (words !== '') process.stderr.write(`${name}: ${words}`)
        return undefined
      }),
      cut: async () => await end(qemu),
      reset: () => void qemu.stdin?.write('{"execute":"system_reset"}\n'),
    }
  }
  const machine = await new WiredMachine(join(folder, 'wires'), start).open()
  const { bmc, power, console } = await wirings[by](lan, { folder, machine, port, tty: line.bmcEnd })
  return {
    machine,
    bmc,
    section: {
      name,
      plan: 'small',
      macs: [mac],
      firmware,
      boot,
      power,
      console,
      ...(tty === undefined ? {} : { tty }),
    },
    text: () => (existsSync(log) ? readFileSync(log, 'latin1') : ''),
    async [Symbol.asyncDispose]() {
      await bmc?.[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
    },
  }
}

interface Wiring {
  folder: string
  machine: WiredMachine
  port: number
  tty: string
}

type Wired = { bmc: RunningBmc | undefined; power: unknown; console: unknown }

/** Waits until a port of the rack's computer is bound. */
export function bound(host: Namespace, kind: 'u' | 't', port: number): (isAlive: () => boolean) => Promise<void> {
  return async (isAlive) => {
    await waitUntil(
      () => host.run('ss', `-Hln${kind}`, `sport = :${port}`).trim(),
      (sockets) => isAlive() && sockets !== '',
    )
  }
}

const login = { user: simUser, password: { env: 'BMC_PASSWORD' } }

/** What switches a machine. */
const wirings: Record<BoardOptions['by'], (lan: Lan, wiring: Wiring) => Promise<Wired>> = {
  async ipmi_sim(lan, { folder, machine, port, tty }) {
    const words = configureSim(folder, { port, chassis: machine.program, sol: tty })
    const bmc = await startBmc([...lan.rackHost.before, ...words], bound(lan.rackHost, 'u', port))
    return { bmc, power: { ipmi: `127.0.0.1:${port}`, ...login, cipher: 3 }, console: 'sol' }
  },
  async pyghmi(lan, { machine, port, tty }) {
    const { before } = lan.rackHost
    const options = { machine, port, password: bmcPassword, sol: tty, before, ready: bound(lan.rackHost, 'u', port) }
    return {
      bmc: await startPyghmi(options),
      power: { ipmi: `127.0.0.1:${port}`, ...login, cipher: 3 },
      console: 'sol',
    }
  },
  async redfish(lan, { folder, machine, port, tty }) {
    const socket = join(folder, 'redfish')
    const fake = await startRedfishBmc(folder, {}, { machine, socket })
    const words = ['socat', `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`, `UNIX-CONNECT:${socket}`]
    const door = await startBmc([...lan.rackHost.before, ...words], bound(lan.rackHost, 't', port))
    const close = async () => {
      await door[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
    }
    return {
      bmc: { ...door, [Symbol.asyncDispose]: close },
      power: { redfish: `https://127.0.0.1:${port}`, ...login, certificate: fake.fingerprint },
      console: { device: tty },
    }
  },
  async commands(_, { machine, tty }) {
    const commands = { ...machine.commands, reset: [machine.program, 'set', 'reset', '1'] }
    return { bmc: undefined, power: { commands }, console: { device: tty } }
  },
}
