// ipmi_sim (OpenIPMI's simulator) as the BMC of a machine that a shell script plays: its state is in files.
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answersIpmi } from '../../src/rack/bmc/presence.ts'
import { findProgram } from '../helpers/needs.ts'

/** A UDP port that nobody has at the moment. */
export async function findFreeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

/** Waits until a BMC answers. */
export async function awaitBmc(port: number, isAlive: () => boolean, host = '127.0.0.1'): Promise<void> {
  const signal = AbortSignal.timeout(60_000)
  while (!(await answersIpmi({ host, port }, signal))) {
    if (!isAlive()) throw new Error('the simulator has ended')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** What the machine does: `on` and `off` take effect unless it is deaf; the BMC dies at a chosen word. */
const machine = `#!/bin/sh
# chassis_control of ipmi_sim: DEVICE get|set PARAMETER [VALUE]...
cd "$(dirname "$0")" || exit 1
shift
echo "$*" >>log
if [ -e die-at ]; then
  case "$*" in "$(cat die-at)"*) kill -9 "$(cat sim.pid)"; sleep 1; exit 1;; esac
fi
while [ -e hang ]; do sleep 0.2; done
word=$1; shift
case $word in
get) for name in "$@"; do case $name in
  power) echo "power:$(cat power)";;
  boot) echo "boot:$(cat boot)";;
  *) echo "Invalid parameter: $name"; exit 1;; esac; done;;
set) while [ $# -gt 0 ]; do case $1 in
  power) [ -e deaf ] || { echo "$2" >power; [ ! -x on-power ] || ./on-power "$2" >/dev/null 2>&1; };;
  shutdown) echo 0 >power;;
  boot) [ -e boot-is-kept ] || echo "$2" >boot;;
  esac; shift 2; done;;
esac
exit 0
`

export const simUser = 'admin'
export const simPassword = 'Hush-Hush-4711'
/** The GUID of the simulator, in the order of its bytes. */
export const simGuid = 'a1234567-89ab-cdef-a123-456789abcdef'

/** A BMC that runs. */
export interface IpmiSim extends AsyncDisposable {
  port: number
  folder: string
  power(): 'on' | 'off'
  setPower(state: 'on' | 'off'): void
  boot(): string
  /** The words that the machine heard. */
  log(): string[]
  /** Makes a file that changes its behaviour: `deaf`, `boot-is-kept`, `die-at`, `hang`. */
  mark(name: string, text?: string): void
  unmark(name: string): void
  kill(): Promise<void>
  restart(): Promise<void>
}

/** Writes the configuration of a simulator whose `chassis` is the program that works the machine. @returns its words */
export function configureSim(
  folder: string,
  {
    port,
    chassis,
    sol,
    host = '127.0.0.1',
  }: { port: number; chassis: string; sol?: string | undefined; host?: string | undefined },
): string[] {
  mkdirSync(join(folder, 'state'), { recursive: true })
  const place = (name: string) => join(folder, name)
  const levels = ['callback', 'user', 'operator', 'admin'].map(
    (level) => `allowed_auths_${level} none md2 md5 straight`,
  )
  writeFileSync(
    place('lan.conf'),
    [
      'name "r1"',
      'set_working_mc 0x20',
      'startlan 1',
      `addr ${host} ${port}`,
      'priv_limit admin',
      ...levels,
      `guid ${simGuid.replaceAll('-', '')}`,
      'endlan',
      `chassis_control "${chassis} 0x20"`,
      ...(sol === undefined ? [] : [`sol "${sol}" 115200 nortscts`]),
      'user 1 true "" "" user 10 none md2 md5 straight',
      `user 2 true "${simUser}" "${simPassword}" admin 10 none md2 md5 straight`,
      '',
    ].join('\n'),
  )
  writeFileSync(
    place('bmc.emu'),
    'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 1000 0x0a\nmc_enable 0x20\n',
  )
  const program = findProgram('ipmi_sim') ?? 'ipmi_sim'
  return [program, '-c', place('lan.conf'), '-f', place('bmc.emu'), '-s', place('state'), '-n']
}

/** Starts one in a folder; `sol` is the device of its serial line, `host` its address. */
export async function startIpmiSim(
  parent: string,
  { sol, host, label = 'bmc' }: { sol?: string | undefined; host?: string; label?: string } = {},
): Promise<IpmiSim> {
  const folder = join(parent, label)
  const port = await findFreeUdpPort()
  const place = (name: string) => join(folder, name)
  const write = (name: string, text: string) => writeFileSync(place(name), text)
  const [program = '', ...args] = configureSim(folder, { port, chassis: place('machine.sh'), sol, host })
  write('machine.sh', machine)
  chmodSync(place('machine.sh'), 0o755)
  write('power', '0\n')
  write('boot', 'default\n')
  write('log', '')
  let child: ChildProcess | undefined
  const start = async () => {
    const started = spawn(program, args, { stdio: 'ignore' })
    child = started
    write('sim.pid', String(started.pid))
    await awaitBmc(port, () => started.exitCode === null && started.signalCode === null, host)
  }
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await start()
  const read = (name: string) => readFileSync(place(name), 'utf8').trim()
  return {
    port,
    folder,
    power: () => (read('power') === '1' ? 'on' : 'off'),
    setPower: (state) => write('power', state === 'on' ? '1\n' : '0\n'),
    boot: () => read('boot'),
    log: () => read('log').split('\n'),
    mark: (name, text = '') => write(name, text),
    unmark(name) {
      if (existsSync(place(name))) rmSync(place(name))
    },
    kill,
    async restart() {
      await kill()
      await start()
    },
    [Symbol.asyncDispose]: kill,
  }
}
