// The `console` of a machine in the rack's file.
import { z } from 'zod'
import type { Address } from '../../address.ts'
import { delegate, field, hostPort, kinds, type Secret, secret, section, word } from './fields.ts'
import { ipmiAddress, ipmiLogin, type IpmiSettings } from './power-settings.ts'

/** Serial-over-LAN; without a login of its own, through the BMC of `power`. */
export interface SolSettings {
  kind: 'sol'
  bmc: IpmiSettings | undefined
}

/** A TCP port that carries the bytes of a serial line. */
export interface TcpSettings {
  kind: 'tcp'
  address: Address
}

/** A BMC or console server that provides the serial line over SSH. */
export interface SshConsoleSettings {
  kind: 'ssh'
  address: Address
  user: string
  /** The line to type first, to get from the BMC's shell to the serial line. */
  entry: string | undefined
  /** The file of the key to log in with. */
  identity: string | undefined
  password: Secret | undefined
  /** The fingerprint of its host key; if undefined, known_hosts must have the host. */
  hostKey: string | undefined
}

/** A serial port of this computer. */
export interface DeviceSettings {
  kind: 'device'
  path: string
  speed: number
}

/** The console of the node of `power`, through Ironic. */
export interface IronicConsoleSettings {
  kind: 'ironic'
}

/** How a machine's serial console is reached. */
export type ConsoleSettings = SolSettings | TcpSettings | SshConsoleSettings | DeviceSettings | IronicConsoleSettings

const sol = z.literal('sol').transform((): ConsoleSettings => ({ kind: 'sol', bmc: undefined }))

const solOfAnother = section('a section with sol, user and password', { sol: ipmiAddress, ...ipmiLogin }).transform(
  ({ sol: address, user, password, cipher }): ConsoleSettings => ({
    kind: 'sol',
    bmc: { kind: 'ipmi', address, user, password, cipher, efiBootFlag: true },
  }),
)

/** The word `sol`, or a section of its own. */
const anySol: z.ZodType<ConsoleSettings> = z
  .unknown()
  .transform((input, context) =>
    delegate<ConsoleSettings>(typeof input === 'string' ? sol : solOfAnother, input, context),
  )

const tcp = section('a section with tcp', {
  tcp: field('a host and a port such as 10.0.0.9:3001', (value) => {
    const result = hostPort(0, '').safeParse(value)
    return result.success && result.data.port > 0 ? { value: result.data } : undefined
  }),
}).transform(({ tcp: address }): ConsoleSettings => ({ kind: 'tcp', address }))

const login = field('a login such as admin@10.0.0.5', (value) => {
  if (typeof value !== 'string') return undefined
  const [user = '', host] = value.split(/@(.*)/s)
  if (user.includes(':')) {
    return { clause: 'must not contain a password; write password: {file: PATH} or identity: FILE beside it' }
  }
  const address = hostPort(22, '').safeParse(host)
  return /^[^\s@]+$/.test(user) && address.success ? { value: { user, address: address.data } } : undefined
})

const ssh = section('a section with ssh', {
  ssh: login,
  entry: word('a line to type after the login, such as "console com2"').optional(),
  identity: word("the path of a private key's file").optional(),
  password: secret.optional(),
  hostKey: word(
    'a fingerprint such as SHA256:..., as ssh-keygen -l prints it',
    /^SHA256:[A-Za-z0-9+/]{43}=?$/,
  ).optional(),
}).transform(({ ssh: { user, address }, entry, identity, password, hostKey }): ConsoleSettings => ({
  kind: 'ssh',
  user,
  address,
  entry,
  identity,
  password,
  hostKey: hostKey?.replace(/=$/, ''),
}))

const speeds: readonly unknown[] = [9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 1_500_000]

const device = section('a section with device', {
  device: word('the path of a serial port, such as /dev/ttyUSB0', /^\/./),
  speed: field(`one of ${speeds.join(', ')}`, (value) =>
    typeof value === 'number' && speeds.includes(value) ? { value } : undefined,
  ).default(115_200),
}).transform(({ device: path, speed }): ConsoleSettings => ({ kind: 'device', path, speed }))

const ironic = z.literal('ironic').transform((): ConsoleSettings => ({ kind: 'ironic' }))

/** The schema of `console`. */
export const console: z.ZodType<ConsoleSettings> = kinds(
  'a section with one of sol, tcp, ssh and device, or the word sol or ironic',
  { sol: anySol, tcp, ssh, device, ironic },
)
