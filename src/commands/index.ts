// The table of commands, as help shows them. Pure data, so that --help loads nothing else; a body is imported when its
// command runs.
import { type Command, command } from '../options/command.ts'
import {
  consoleFlagNames,
  lsFlagNames,
  pushFlagNames,
  rmFlagNames,
  type RunOptions,
  serveFlagNames,
} from '../options/command-flags.ts'
import type { Context } from '../io.ts'
import { type CloudRow, clouds, runFlagsOf } from './clouds/clouds.ts'
import { labCommands } from './lab/index.ts'
import { rackCommands } from './rack/index.ts'

/** The options of a command of one cloud, by the names that commands use; flags that the cloud does not have are undefined. */
async function adoptOptions(row: CloudRow, options: RunOptions, context: Context) {
  const { adopt } = await import('./clouds/open-cloud.ts')
  const { options: adopted, sources } = adopt(row, options, context.sources)
  return { options: adopted, context: { ...context, sources } }
}

const image = { name: 'name', help: 'prefix of the image files that linuxkit build wrote', completes: 'image' } as const

const runCommands = clouds.map((row) =>
  command({
    words: `run ${row.name}`,
    ...(row === clouds[0] ? {} : { variantOf: `run ${clouds[0].name}` }),
    summary:
      row === clouds[0]
        ? 'rent a machine, boot an image on it, attach to its console, give it back'
        : `the same with a machine of ${row.title}`,
    description:
      'Rents a machine, makes it boot <name>-kernel and <name>-initrd.img over iPXE from the base URL, attaches to its serial console, and deletes the machine at the end, however the run ends, unless --keep or --device is given.',
    arguments: [image],
    flags: runFlagsOf(row),
    instead: row.instead,
    examples: row.examples.map((rest) => `metalkit run ${row.name} ${rest}`),
    async load() {
      const { runOn } = await import('./run/run.ts')
      return {
        async execute({ name }, options, context) {
          const own = await adoptOptions(row, options, context)
          await runOn(row, name, own.options, own.context)
        },
      }
    },
  }),
)

const pushCommands = clouds.map((row) => {
  const start = `metalkit push ${row.name} -base-url http://boot.example.com`
  return command({
    words: `push ${row.name}`,
    ...(row === clouds[0] ? {} : { variantOf: `push ${clouds[0].name}` }),
    summary:
      row === clouds[0]
        ? 'write an image and its iPXE script where machines can fetch them'
        : `the same with a script for ${row.title}`,
    description: `Writes <name>-kernel, <name>-initrd.img and <name>-${row.name}.ipxe to the destination, all or nothing. Also writes <name>.json, which lets the next push skip unchanged files.`,
    arguments: [{ ...image, optional: true, fallback: row.name }],
    flags: pushFlagNames,
    examples: [
      `${start} linuxkit`,
      `${start} -decompress -destination /srv/www linuxkit`,
      `${start} -destination sftp://me@boot.example.com/srv/www linuxkit`,
      `${start} -destination s3://my-bucket/boot linuxkit`,
    ],
    async load() {
      const { pushFor } = await import('./push/push.ts')
      return { execute: async ({ name }, options, context) => await pushFor(row, name, options, context) }
    },
  })
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
    "Attaches to a machine's serial console over SSH, on Equinix Metal by its SOS. In a terminal, type ~. on a new line to leave, or ~? for help.",
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
    'Lists the machines that metalkit rented, in every cloud that you have credentials for; it recognizes them by their marks. Outside a lab, each costs money until it is deleted. With -q, prints their IDs only.',
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
    { name: 'id', help: 'IDs of machines or marks of runs', optional: true, variadic: true, completes: 'device' },
  ],
  flags: rmFlagNames,
  examples: ['metalkit rm 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c', 'metalkit rm --older-than 6h --yes'],
  load: () => import('./rm.ts'),
})

/** `doctor`, which is about the first cloud, and the same for each cloud. */
const doctorCommands = [undefined, ...clouds].map((named) => {
  const row = named ?? clouds[0]
  const words = named === undefined ? 'doctor' : `doctor ${row.name}`
  return command({
    words,
    ...(named === undefined ? {} : { variantOf: 'doctor' }),
    summary:
      named === undefined
        ? 'check everything that a run needs, and say how to fix what is wrong'
        : `the same for a run on ${row.title}`,
    description:
      'Checks everything that run and lab need, without renting or changing anything: the credentials, the project or compartment, SSH keys, the console, the clock, the image, the base URL, QEMU and ports. Pass it the flags you will pass to run.',
    arguments: [{ ...image, optional: true }],
    flags: runFlagsOf(row),
    instead: row.instead,
    examples: [
      `metalkit ${words} -serve :8080 -base-url http://198.51.100.7:8080 linuxkit`,
      named === undefined ? 'metalkit lab -- metalkit doctor --json' : `metalkit ${words} --json`,
    ],
    async load() {
      const { examine } = await import('./doctor/doctor.ts')
      return {
        async execute({ name }, options, context) {
          const own = await adoptOptions(row, options, context)
          return await examine(row, name, own.options, own.context)
        },
      }
    },
  })
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
  ...runCommands,
  ...pushCommands,
  verify,
  serve,
  attach,
  ls,
  rm,
  ...labCommands,
  ...rackCommands,
  ...doctorCommands,
  completion,
  man,
  help,
  version,
]
