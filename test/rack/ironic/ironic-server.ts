// OpenStack Ironic as Debian packages it, API and conductor in one process, over a database of its own.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findProgram } from '../../helpers/needs.ts'
import { findFreePort } from '../../helpers/port.ts'
import { simPassword, simUser } from '../ipmi-sim.ts'

export const ironicUser = 'rack'
export const ironicPassword = 'Hush-Hush-4711'
/** bcrypt of the password, which is the only form that Ironic takes. */
const passwordHash = '$2b$04$oHDz1aON1LNHMw2ROpwyo.3t6rwyU4T5vhLU5aA8arDPC1UVZwDJy'

/** Debian 12's Ironic quotes the command twice, so that no byte gets through. */
const socat = `#!/bin/sh
for word do
  shift
  case $word in EXEC:*) word=$(printf %s "$word" | sed "s/EXEC:\\"'\\(.*\\)'\\"/EXEC:\\"\\1\\"/");; esac
  set -- "$@" "$word"
done
echo "$*" >>"$(dirname "$0")/../socat.log"
exec ${findProgram('socat')} "$@"
`

function configure(folder: string, port: number): string {
  const place = (name: string) => join(folder, name)
  const noInterfaces = ['inspect', 'raid', 'bios', 'rescue', 'vendor'].map(
    (kind) => `enabled_${kind}_interfaces = no-${kind},fake`,
  )
  return `[DEFAULT]
rpc_transport = none
host = conductor-1
my_ip = 127.0.0.1
state_path = ${folder}
tempdir = ${folder}
auth_strategy = http_basic
http_basic_auth_user_file = ${place('htpasswd')}
enabled_hardware_types = ipmi,fake-hardware
enabled_boot_interfaces = pxe,fake
enabled_deploy_interfaces = direct,fake
enabled_console_interfaces = ipmitool-socat,no-console,fake
enabled_power_interfaces = ipmitool,fake
enabled_management_interfaces = ipmitool,fake
enabled_network_interfaces = noop
enabled_storage_interfaces = noop
${noInterfaces.join('\n')}
[api]
host_ip = 127.0.0.1
port = ${port}
[database]
connection = sqlite:///${place('ironic.sqlite')}
[conductor]
automated_clean = false
sync_power_state_interval = 60
force_power_state_during_sync = false
power_state_change_timeout = 2
[nova]
send_power_notifications = false
[console]
socat_address = 127.0.0.1
terminal_pid_dir = ${folder}
[dhcp]
dhcp_provider = none
[pxe]
tftp_root = ${place('tftp')}
tftp_master_path = ${place('tftp-master')}
images_path = ${place('images')}
instance_master_path = ${place('master')}
[deploy]
http_root = ${place('http')}
[ipmi]
min_command_interval = 1
command_retry_timeout = 3
use_ipmitool_retries = false
`
}

/** What tests look at in an answer; each has only some. */
interface Shown {
  uuid: string
  provision_state: string
  power_state: string | null
  target_power_state: string | null
  reservation: string | null
  last_error: string | null
  allocation_uuid: string | null
  console_enabled: boolean
  allocations: { uuid: string; name: string }[]
}

/** An Ironic that runs. */
export interface IronicServer extends AsyncDisposable {
  url: string
  folder: string
  /** Sends a request as its administrator would. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; json: Shown }>
  /** Enrols a node and makes it available; without a port, its BMC is one that Ironic only pretends to have. */
  enroll(node: {
    name: string
    mac: string
    bmcHost?: string
    bmcPort?: number
    /** Without one it has no console. */
    consolePort?: number
    resourceClass?: string
    properties?: object
  }): Promise<void>
  log(): string
  /** kill -9. */
  kill(): Promise<void>
  start(): Promise<void>
}

/** Where one runs, if not beside the tests: words before each program, such as nsenter's, and a port of the loopback there. */
interface IronicPlace {
  before: readonly string[]
  port: number
}

/** Sends a request from elsewhere. */
async function loadFrom([file = '', ...before]: readonly string[], words: readonly string[]) {
  const { stdout } = await promisify(execFile)(file, [...before, 'curl', '--silent', '--show-error', ...words])
  const [, text = '', status = ''] = /^(.*)\n(\d+)$/s.exec(stdout) ?? []
  return { status: Number(status), text }
}

/** Starts one in a folder. */
export async function startIronic(parent: string, place?: IronicPlace): Promise<IronicServer> {
  const folder = join(parent, 'ironic')
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'socat'), socat)
  chmodSync(join(bin, 'socat'), 0o755)
  const { before, port } = place ?? { before: [], port: await findFreePort() }
  const config = join(folder, 'ironic.conf')
  writeFileSync(config, configure(folder, port))
  writeFileSync(join(folder, 'htpasswd'), `${ironicUser}:${passwordHash}\n`)
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env['PATH']}${delimiter}/usr/sbin${delimiter}/sbin`,
    HOME: folder,
  }
  execFileSync('ironic-dbsync', ['--config-file', config, 'create_schema'], { env, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  const headers = {
    'x-openstack-ironic-api-version': '1.82',
    'content-type': 'application/json',
    authorization: `Basic ${Buffer.from(`${ironicUser}:${ironicPassword}`).toString('base64')}`,
  }
  const api: IronicServer['api'] = async (method, path, body) => {
    if (before.length > 0) {
      const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
      const data = body === undefined ? [] : ['--data-binary', JSON.stringify(body)]
      const request = ['--max-time', '30', '-X', method, ...fields, ...data, '-w', '\n%{http_code}', `${url}/v1${path}`]
      const { status, text } = await loadFrom(before, request)
      return { status, json: JSON.parse(text || '{}') }
    }
    const answer = await fetch(`${url}/v1${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return { status: answer.status, json: JSON.parse(text || '{}') }
  }
  let child: ChildProcess | undefined
  const logFile = openSync(join(folder, 'log'), 'a')
  const log = () => readFileSync(join(folder, 'log'), 'utf8')
  const isUp = () =>
    api('GET', '/nodes').then(
      ({ status }) => status === 200,
      () => false,
    )
  const start = async () => {
    // A group of its own: consoles are its children, and outlive it.
    const [program, ...args] = [...before, 'ironic', '--config-file', config] as const
    const started = spawn(program, args, {
      env,
      stdio: ['ignore', logFile, logFile],
      detached: true,
    })
    child = started
    while (!(await isUp())) {
      if (started.exitCode !== null) throw new Error(`Ironic has ended: ${log().slice(-2000)}`)
      await sleep(100)
    }
  }
  const kill = async () => {
    const running = child
    if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return
    running.kill('SIGKILL')
    await once(running, 'exit')
  }
  await start()
  const wait = async (name: string, state: string) => {
    for (;;) {
      const { json } = await api('GET', `/nodes/${name}`)
      if (json.provision_state === state) return
      if (json.last_error !== null) throw new Error(json.last_error)
      await sleep(100)
    }
  }
  return {
    url,
    folder,
    api,
    async enroll({ name, mac, bmcHost = '127.0.0.1', bmcPort, consolePort, resourceClass = 'small', properties = {} }) {
      const login = {
        ipmi_address: bmcHost,
        ipmi_port: bmcPort,
        ipmi_username: simUser,
        ipmi_password: simPassword,
      }
      const ipmi = { ...login, ipmi_cipher_suite: '3', ipmi_terminal_port: consolePort ?? null }
      const driver =
        bmcPort === undefined
          ? { driver: 'fake-hardware' }
          : {
              driver: 'ipmi',
              console_interface: consolePort === undefined ? 'no-console' : 'ipmitool-socat',
              driver_info: ipmi,
            }
      const node = { name, resource_class: resourceClass, properties, ...driver }
      const { status, json } = await api('POST', '/nodes', node)
      if (status !== 201) throw new Error(JSON.stringify(json))
      await api('POST', '/ports', { node_uuid: json.uuid, address: mac })
      await api('PUT', `/nodes/${name}/states/provision`, { target: 'manage' })
      await wait(name, 'manageable')
      await api('PUT', `/nodes/${name}/states/provision`, { target: 'provide' })
      await wait(name, 'available')
    },
    log,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      const pid = child?.pid
      await kill()
      try {
        if (pid !== undefined) process.kill(-pid, 'SIGKILL')
      } catch {
        // No console is left.
      }
    },
  }
}
