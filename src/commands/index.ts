// The table of commands, as help shows them. Pure data, so that --help loads nothing else; a body is imported when its
// command runs.
import { type Command, command } from '../options/command.ts'
import {
  consoleFlagNames,
  doctorFlagNames,
  lsFlagNames,
  pushFlagNames,
  rmFlagNames,
  runFlagNames,
  serveFlagNames,
} from '../options/command-flags.ts'
import { labCommands } from './lab/index.ts'
import { rackCommands } from './rack/index.ts'

const run = command({
  words: 'run equinixmetal',
  summary: 'rent a machine, boot an image on it, attach to its console, give it back',
  description:
    'Rents a machine, makes it boot <name>-kernel and <name>-initrd.img over iPXE from the base URL, attaches to its serial console, and deletes the machine at the end, however the run ends, unless --keep is given.',
  arguments: [{ name: 'name', help: 'prefix of the image files that linuxkit build wrote', completes: 'image' }],
  flags: runFlagNames,
  examples: [
    'metalkit run equinixmetal -serve :8080 -base-url http://198.51.100.7:8080 linuxkit',
    'metalkit run equinixmetal -serve :8080 -tunnel ssh://me@boot.example.com linuxkit',
    'metalkit run equinixmetal -base-url http://boot.example.com -machine c3.large.arm64 -keep linuxkit',
    "metalkit run equinixmetal -base-url http://boot.example.com -wait-for 'login:' -timeout 20m linuxkit",
  ],
  load: () => import('./run/run.ts'),
})

const push = command({
  words: 'push equinixmetal',
  summary: 'write an image and its iPXE script where machines can fetch them',
  description:
    'Writes <name>-kernel, <name>-initrd.img and <name>-equinixmetal.ipxe to the destination, all or nothing, and <name>.json, which lets the next push skip unchanged files.',
  arguments: [
    {
      name: 'name',
      help: 'prefix of the image files that linuxkit build wrote',
      optional: true,
      fallback: 'equinixmetal',
      completes: 'image',
    },
  ],
  flags: pushFlagNames,
  examples: [
    'metalkit push equinixmetal -base-url http://boot.example.com linuxkit',
    'metalkit push equinixmetal -base-url http://boot.example.com -decompress -destination /srv/www linuxkit',
    'metalkit push equinixmetal -base-url http://boot.example.com -destination sftp://me@boot.example.com/srv/www linuxkit',
    'metalkit push equinixmetal -base-url http://boot.example.com -destination s3://my-bucket/boot linuxkit',
  ],
  load: () => import('./push/push.ts'),
})

const verify = command({
  words: 'verify',
  summary: 'check that a server delivers what was pushed, byte for byte',
  description:
    'Reads <name>.json, which push writes beside an image, then reads each file it names, and compares sizes and SHA-256.',
  arguments: [
    { name: 'place', help: 'base URL or folder of the image', completes: 'folders' },
    { name: 'name', help: 'name of the image, without a folder', completes: 'image' },
  ],
  flags: [],
  examples: ['metalkit verify http://boot.example.com linuxkit', 'metalkit verify ./out linuxkit'],
  load: () => import('./verify.ts'),
})

const serve = command({
  words: 'serve',
  summary: 'serve a folder over HTTP to booting machines',
  description: 'Serves the files of a folder, and nothing outside it, until Ctrl-C, and logs each request.',
  arguments: [
    { name: 'directory', help: 'folder to serve; the same as --directory', optional: true, completes: 'folders' },
  ],
  flags: serveFlagNames,
  examples: ['metalkit serve ./out', 'metalkit serve -port 127.0.0.1:9000 -directory /srv/www'],
  load: () => import('./serve.ts'),
})

const attach = command({
  words: 'console',
  summary: 'attach to the serial console of a running machine',
  description:
    "Attaches to a machine's serial console over SSH (SOS). In a terminal, type ~. on a new line to leave, or ~? for help.",
  arguments: [{ name: 'device', help: 'ID of the machine', completes: 'device' }],
  flags: consoleFlagNames,
  examples: [
    'metalkit console 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c',
    "metalkit console -wait-for 'login:' -log boot.log 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c",
    "metalkit console -on 'login:' -send 'root\\r' -wait-for '# $' 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c",
  ],
  load: () => import('./console/console.ts'),
})

const ls = command({
  words: 'ls',
  summary: 'list the machines that metalkit rented',
  description:
    'Lists the machines of the project that metalkit rented, which it recognises by their tag. Outside a lab, each costs money until it is deleted.',
  arguments: [],
  flags: lsFlagNames,
  examples: ['metalkit ls', 'metalkit ls --json'],
  load: () => import('./ls.ts'),
})

const rm = command({
  words: 'rm',
  summary: 'delete machines that metalkit rented',
  description:
    'Deletes the given machines, or all older than --older-than, if metalkit rented them, and checks that they are gone.',
  arguments: [
    { name: 'id', help: 'IDs of machines or tags of runs', optional: true, variadic: true, completes: 'device' },
  ],
  flags: rmFlagNames,
  examples: ['metalkit rm 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c', 'metalkit rm --older-than 6h --yes'],
  load: () => import('./rm.ts'),
})

const doctor = command({
  words: 'doctor',
  summary: 'check everything that a run needs, and say how to fix what is wrong',
  description:
    'Checks everything that run and lab need, without renting or changing anything: the token, the project, SSH keys, the console, the clock, the image, the base URL, QEMU and ports. Pass it the flags you will pass to run.',
  arguments: [
    { name: 'name', help: 'prefix of the image files that linuxkit build wrote', optional: true, completes: 'image' },
  ],
  flags: doctorFlagNames,
  examples: [
    'metalkit doctor -serve :8080 -base-url http://198.51.100.7:8080 linuxkit',
    'metalkit lab -- metalkit doctor --json',
  ],
  load: () => import('./doctor/doctor.ts'),
})

const completion = command({
  words: 'completion',
  summary: 'print a completion script for a shell',
  description:
    'Prints a script for bash, zsh or fish. The script calls "metalkit completion -- WORD..." to complete the words typed so far.',
  arguments: [{ name: 'shell', help: 'bash, zsh or fish', optional: true, choices: ['bash', 'zsh', 'fish'] }],
  passthrough: 'WORD...',
  flags: [],
  examples: ['eval "$(metalkit completion bash)"', 'metalkit completion fish | source'],
  load: () => import('./completion.ts'),
})

const man = command({
  words: 'man',
  summary: 'print the manual page',
  description:
    'Prints the manual page in roff. If metalkit was installed with npm install -g, "man metalkit" shows it.',
  arguments: [],
  flags: [],
  examples: ['metalkit man | man -l -', 'metalkit man >/usr/local/share/man/man1/metalkit.1'],
  load: () => import('./man.ts'),
})

const help = command({
  words: 'help',
  summary: 'print the help of a command',
  description: 'Prints the help of a command, as metalkit COMMAND --help does; without a command, lists all commands.',
  arguments: [{ name: 'command', help: 'name of the command', optional: true, variadic: true }],
  flags: [],
  examples: ['metalkit help', 'metalkit help lab stop'],
  load: () => import('./help.ts'),
})

const version = command({
  words: 'version',
  summary: 'print the version',
  description: 'Prints the version of metalkit, as --version does.',
  arguments: [],
  flags: [],
  examples: ['metalkit version', 'metalkit --version'],
  load: () => import('./version.ts'),
})

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  run,
  push,
  verify,
  serve,
  attach,
  ls,
  rm,
  ...labCommands,
  ...rackCommands,
  doctor,
  completion,
  man,
  help,
  version,
]
