// Flags of the lab. Their variables begin with METAL_LAB_, because some share a name with a flag of run or serve.
import { boolean, value } from './flag.ts'
import { oneOf, parseLabName, parseListen, parseText } from './values.ts'

export const labFlags = {
  detach: boolean({ name: 'detach', short: 'd', fallback: 'false', help: 'run in the background' }),
  labCloud: value(
    {
      name: 'cloud',
      placeholder: 'cloud',
      choices: ['equinixmetal', 'latitude', 'oci'],
      env: ['METAL_LAB_CLOUD'],
      fallback: 'equinixmetal',
      help: 'cloud whose API and consoles it has: equinixmetal, latitude or oci',
    },
    oneOf('equinixmetal', 'latitude', 'oci'),
  ),
  machines: value(
    {
      name: 'machines',
      placeholder: 'kind',
      choices: ['auto', 'qemu', 'simulated'],
      env: ['METAL_LAB_MACHINES'],
      fallback: 'auto',
      help: 'machine backend: auto, qemu or simulated',
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
      help: "firmware of QEMU's x86_64 machines: bios or uefi",
    },
    oneOf('bios', 'uefi'),
  ),
  accelerator: value(
    {
      name: 'accelerator',
      placeholder: 'kind',
      choices: ['auto', 'kvm', 'tcg'],
      env: ['METAL_LAB_ACCELERATOR'],
      fallback: 'auto',
      help: "accelerator of QEMU's x86_64 machines: auto (KVM if it works), kvm, or tcg (slow, works everywhere)",
    },
    oneOf('auto', 'kvm', 'tcg'),
  ),
  labName: value(
    {
      name: 'name',
      placeholder: 'name',
      env: ['METAL_LAB_NAME'],
      computed: '"default", or none with a COMMAND',
      help: 'name of the lab; a named lab keeps its machines across restarts',
    },
    parseLabName,
  ),
  pace: value(
    {
      name: 'pace',
      placeholder: 'pace',
      env: ['METAL_LAB_PACE'],
      fallback: 'quick',
      choices: ['quick', 'real'],
      help: 'how long provisioning takes: quick, or real (minutes, as in the cloud)',
    },
    oneOf('quick', 'real'),
  ),
  facilities: boolean({
    name: 'facilities',
    env: ['METAL_LAB_FACILITIES'],
    fallback: 'false',
    help: 'also accept facilities, as the API did until 2023',
  }),
  isolate: boolean({
    name: 'isolate',
    env: ['METAL_LAB_ISOLATE'],
    fallback: 'false',
    help: "let QEMU's machines reach only the lab and the server of their boot files",
  }),
  labTls: boolean({
    name: 'tls',
    env: ['METAL_LAB_TLS'],
    fallback: 'false',
    help: "serve API, page and metadata over TLS, with a certificate authority of the lab's own",
  }),
  labTlsCert: value(
    {
      name: 'tls-cert',
      placeholder: 'file',
      completes: 'files',
      env: ['METAL_LAB_TLS_CERT'],
      help: 'serve over TLS with this certificate and its chain (PEM)',
    },
    parseText,
  ),
  labTlsKey: value(
    {
      name: 'tls-key',
      placeholder: 'file',
      completes: 'files',
      env: ['METAL_LAB_TLS_KEY'],
      help: "the certificate's private key (PEM)",
    },
    parseText,
  ),
  fault: value(
    {
      name: 'fault',
      placeholder: 'faults',
      env: ['METAL_LAB_FAULT'],
      fallback: '',
      help: 'faults to inject, such as "create:drop-after, get:429 retry-after=1 x3"',
    },
    parseText,
  ),
  labPort: value(
    {
      name: 'port',
      placeholder: 'address',
      env: ['METAL_LAB_PORT'],
      computed: '127.0.0.1:7070, or any free port with a COMMAND',
      help: 'address of the API',
    },
    parseListen,
  ),
  sosPort: value(
    {
      name: 'sos-port',
      placeholder: 'address',
      env: ['METAL_LAB_SOS_PORT'],
      computed: '127.0.0.1:7022, or any free port with a COMMAND',
      help: 'address of the SOS',
    },
    parseListen,
  ),
}
