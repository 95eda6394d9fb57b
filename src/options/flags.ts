// Every flag once: name, environment variables, default, parser, help.
import { boolean, count, type Flag, list, value } from './flag.ts'
import {
  oneOf,
  parseAge,
  parseApiUrl,
  parseBaseUrl,
  parseDuration,
  parseEndpoint,
  parseFingerprint,
  parseHost,
  parseHostname,
  parseId,
  parseKeys,
  parseLabName,
  parseListen,
  parsePattern,
  parseText,
  parseToken,
} from './values.ts'

/** All flags of all commands. The key is the name in code. */
export const flags = {
  baseUrl: value(
    { name: 'base-url', placeholder: 'url', help: 'URL that machines fetch kernel, initrd and iPXE script from' },
    parseBaseUrl,
  ),
  zone: value(
    {
      name: 'zone',
      placeholder: 'facility',
      env: ['METAL_FACILITY'],
      help: 'facility such as ams1; the API takes metros only, so its metro is used',
    },
    parseText,
  ),
  metro: value(
    { name: 'metro', placeholder: 'code', computed: "am, or the zone's", help: 'metro to rent in' },
    parseText,
  ),
  machine: value(
    { name: 'machine', placeholder: 'plan', fallback: 'baremetal_0', help: 'plan of the machine to rent' },
    parseText,
  ),
  apiKey: value(
    {
      name: 'api-key',
      placeholder: 'token',
      env: ['METAL_API_TOKEN', 'METAL_AUTH_TOKEN'],
      config: 'token',
      secret: true,
      help: 'API token; a variable or metal.yaml keeps it out of the process list',
    },
    parseToken,
  ),
  projectId: value(
    { name: 'project-id', placeholder: 'uuid', config: 'project-id', help: 'project the machine belongs to' },
    parseId,
  ),
  device: value(
    {
      name: 'device',
      placeholder: 'id',
      help: 'boot this existing machine instead of renting one; it is never deleted',
    },
    parseId,
  ),
  hostname: value(
    { name: 'hostname', placeholder: 'name', computed: '<user>-linuxkit', help: 'host name of the machine' },
    parseHostname,
  ),
  imgName: value(
    {
      name: 'img-name',
      placeholder: 'prefix',
      env: ['METAL_NAME'],
      computed: '<name>',
      help: 'prefix of the image files, may carry a folder',
    },
    parseText,
  ),
  alwaysPxe: boolean({ name: 'always-pxe', fallback: 'true', help: 'boot over iPXE every time, not only the first' }),
  serve: value(
    { name: 'serve', placeholder: 'address', help: 'serve the image from this computer, e.g. :8080' },
    parseListen,
  ),
  tunnel: value(
    {
      name: 'tunnel',
      placeholder: 'url',
      help: 'public URL for --serve: ssh://user@host[:port][?bind=[host:]port], or ngrok; --base-url follows from it',
    },
    parseText,
  ),
  console: boolean({ name: 'console', fallback: 'true', help: 'attach to the serial console' }),
  keep: boolean({ name: 'keep', fallback: 'false', help: 'keep the machine at the end; it costs money until deleted' }),
  arch: value(
    {
      name: 'arch',
      placeholder: 'arch',
      choices: ['x86_64', 'aarch64'],
      computed: 'worked out',
      help: 'architecture of the image: x86_64 or aarch64',
    },
    oneOf('x86_64', 'aarch64'),
  ),
  apiUrl: value(
    { name: 'api-url', placeholder: 'url', fallback: 'https://api.equinix.com/metal/v1', help: 'the Metal API' },
    parseApiUrl,
  ),
  sos: value(
    { name: 'sos', placeholder: 'host[:port]', computed: "the device's", help: 'Serial-over-SSH host of the console' },
    parseHost(22),
  ),
  identity: list(
    {
      name: 'identity',
      placeholder: 'file',
      computed: "agent, then ssh's files",
      help: 'private key for the console; repeatable',
    },
    parseText,
  ),
  knownHosts: value(
    { name: 'known-hosts', placeholder: 'file', computed: '~/.ssh/known_hosts', help: 'host keys the console trusts' },
    parseText,
  ),
  hostKeyPolicy: value(
    {
      name: 'host-key-policy',
      placeholder: 'policy',
      choices: ['ask', 'accept-new'],
      fallback: 'ask',
      help: 'an unknown console host: ask (without a terminal refuse), or accept-new',
    },
    oneOf('ask', 'accept-new'),
  ),
  hostKey: list(
    {
      name: 'host-key',
      placeholder: 'fingerprint',
      help: "fingerprint of the console host's key, trusted without known_hosts; repeatable",
    },
    parseFingerprint,
  ),
  waitFor: list(
    {
      name: 'wait-for',
      placeholder: 'regex',
      help: 'end with success when a line of the console shows it; repeated: all of them, in this order',
    },
    parsePattern,
  ),
  failOn: list(
    {
      name: 'fail-on',
      placeholder: 'regex',
      help: 'end with exit code 8 when a line of the console shows it; repeatable',
    },
    parsePattern,
  ),
  noDefaultFailures: boolean({
    name: 'no-default-failures',
    fallback: 'false',
    help: 'without a terminal or with --wait-for, do not end on a kernel panic or a failed boot',
  }),
  on: list(
    { name: 'on', placeholder: 'regex', help: 'when the console shows it, type the --send after it; repeatable' },
    parsePattern,
  ),
  send: list(
    { name: 'send', placeholder: 'text', help: 'what to type after the --on before it; \\r is the return key' },
    parseKeys,
  ),
  log: value({ name: 'log', placeholder: 'file', help: "keep the console's raw bytes there" }, parseText),
  record: value({ name: 'record', placeholder: 'file', help: 'record the console there, for asciinema' }, parseText),
  timeout: value(
    {
      name: 'timeout',
      placeholder: 'duration',
      fallback: '30m',
      help: 'longest wait for the machine, and for --wait-for',
    },
    parseDuration,
  ),
  ttl: value(
    {
      name: 'ttl',
      placeholder: 'duration',
      help: 'have the cloud delete the machine after this long, whatever happens here',
    },
    parseDuration,
  ),
  idFile: value(
    { name: 'id-file', placeholder: 'path', help: 'write the device id there as soon as it is known' },
    parseText,
  ),
  json: boolean({ name: 'json', fallback: 'false', help: 'one JSON object a line on stdout, for scripts' }),
  olderThan: value(
    { name: 'older-than', placeholder: 'duration', help: 'all that metalkit made and that are older' },
    parseAge,
  ),
  yes: boolean({ name: 'yes', fallback: 'false', help: 'do it without asking' }),
  decompress: boolean({
    name: 'decompress',
    computed: 'true for aarch64',
    help: 'write kernel and initrd decompressed',
  }),
  destination: value(
    {
      name: 'destination',
      placeholder: 'path',
      fallback: './out',
      help: 'folder, or file:, sftp: or s3: URL, to write to',
    },
    parseText,
  ),
  endpoint: value(
    {
      name: 'endpoint',
      placeholder: 'url',
      env: ['METAL_ENDPOINT', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
      computed: "AWS's own",
      help: 'where the store of an s3: destination answers, if it is not AWS',
    },
    parseEndpoint,
  ),
  dryRun: boolean({ name: 'dry-run', fallback: 'false', help: 'say what would be written, and write nothing' }),
  directory: value({ name: 'directory', placeholder: 'path', fallback: '.', help: 'folder to serve' }, parseText),
  port: value(
    {
      name: 'port',
      placeholder: 'address',
      fallback: ':8080',
      help: 'where to listen: host:port, :port or port; 0 is any free one',
    },
    parseListen,
  ),
  tlsCert: value(
    { name: 'tls-cert', placeholder: 'file', help: 'serve https with this certificate and its chain (PEM)' },
    parseText,
  ),
  tlsKey: value({ name: 'tls-key', placeholder: 'file', help: "the certificate's private key (PEM)" }, parseText),
  detach: boolean({ name: 'detach', short: 'd', fallback: 'false', help: 'run in the background' }),
  machines: value(
    {
      name: 'machines',
      placeholder: 'kind',
      choices: ['auto', 'qemu', 'simulated'],
      env: ['METAL_LAB_MACHINES'],
      fallback: 'auto',
      help: 'what machines are: auto, qemu or simulated',
    },
    oneOf('auto', 'qemu', 'simulated'),
  ),
  firmware: value(
    {
      name: 'firmware',
      placeholder: 'kind',
      choices: ['bios', 'uefi'],
      env: ['METAL_LAB_FIRMWARE'],
      fallback: 'bios',
      help: "what QEMU's x86_64 machines start with: bios or uefi",
    },
    oneOf('bios', 'uefi'),
  ),
  fault: value(
    {
      name: 'fault',
      placeholder: 'faults',
      env: ['METAL_LAB_FAULT'],
      fallback: '',
      help: 'what is to go wrong, such as "create:drop-after, get:429 retry-after=1 x3"',
    },
    parseText,
  ),
  pace: value(
    {
      name: 'pace',
      placeholder: 'pace',
      env: ['METAL_LAB_PACE'],
      fallback: 'quick',
      choices: ['quick', 'real'],
      help: 'how long machines take: quick, or minutes as in the cloud: real',
    },
    oneOf('quick', 'real'),
  ),
  facilities: boolean({
    name: 'facilities',
    env: ['METAL_LAB_FACILITIES'],
    fallback: 'false',
    help: 'take facilities too, as the API did until 2023',
  }),
  labName: value(
    {
      name: 'name',
      placeholder: 'name',
      env: ['METAL_LAB_NAME'],
      computed: '"default", or none with a COMMAND',
      help: 'name of the lab, which keeps its machines over restarts',
    },
    parseLabName,
  ),
  labPort: value(
    {
      name: 'port',
      placeholder: 'address',
      env: ['METAL_LAB_PORT'],
      computed: '127.0.0.1:7070, or any free port with a COMMAND',
      help: 'where the API listens',
    },
    parseListen,
  ),
  sosPort: value(
    {
      name: 'sos-port',
      placeholder: 'address',
      env: ['METAL_LAB_SOS_PORT'],
      computed: '127.0.0.1:7022, or any free port with a COMMAND',
      help: 'where the SOS listens',
    },
    parseListen,
  ),
  quiet: boolean({ name: 'quiet', short: 'q', fallback: 'false', help: 'say nothing but errors' }),
  verbose: count({ name: 'verbose', short: 'v', help: 'say more; twice, or =2, for every request' }),
} as const satisfies Record<string, Flag>

/** A flag's name in code. */
export type FlagName = keyof typeof flags

/** The values of some flags, as commands get them. */
export type Options<N extends FlagName> = { [K in N]: (typeof flags)[K] extends Flag<infer T> ? T : never }
