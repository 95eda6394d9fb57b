// The commands of the lab, as help shows them.
import { type Command, command } from '../../options/command.ts'
import { labFlags } from '../../options/command-flags.ts'

const lab = command({
  words: 'lab',
  summary: 'a Metal API, an SOS console and machines on this computer',
  description:
    'Starts a Metal API, a Serial-over-SSH console and a place for machines on this computer, until Ctrl-C, or for as long as COMMAND runs. A lab with a name keeps its devices, keys and events, and has them again at its next start.',
  arguments: [],
  passthrough: 'COMMAND...',
  flags: labFlags,
  examples: [
    'metalkit lab',
    'eval "$(metalkit lab env)"',
    'metalkit lab -d && metalkit lab status && metalkit lab stop',
    'metalkit lab -- metalkit run equinixmetal -serve 127.0.0.1:8080 -base-url http://127.0.0.1:8080 linuxkit',
  ],
  load: () => import('./lab.ts'),
})

const env = command({
  words: 'lab env',
  summary: 'print the variables that point a shell at a lab',
  description: 'Prints export lines for a POSIX shell: API URL, token, project, SSH key and known_hosts of the lab.',
  arguments: [],
  flags: ['labName'],
  examples: ['eval "$(metalkit lab env)"', 'metalkit lab env --name ci'],
  load: () => import('./env.ts'),
})

const page = command({
  words: 'lab page',
  summary: "print the link that opens a lab's page",
  description: 'Prints a link that holds the token of the lab: whoever has it can use the lab.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab page', 'xdg-open "$(metalkit lab page)"'],
  load: () => import('./page.ts'),
})

const status = command({
  words: 'lab status',
  summary: 'list the labs that run on this computer',
  description: 'Lists the labs that run: name, process, age, API and machines.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab status', 'metalkit lab status --name ci'],
  load: () => import('./status.ts'),
})

const stop = command({
  words: 'lab stop',
  summary: 'end a lab',
  description: 'Ends a lab and waits until its machines are off. A lab with a name has them again at its next start.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab stop', 'metalkit lab stop --name ci'],
  load: () => import('./stop.ts'),
})

const logs = command({
  words: 'lab logs',
  summary: 'print what a lab in the background has said',
  description: 'Prints the log of a lab that was started with --detach, whether it still runs or not.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab logs', 'metalkit lab logs --name ci'],
  load: () => import('./logs.ts'),
})

const forward = command({
  words: 'lab forward',
  summary: 'forward a TCP port of this computer to a machine',
  description: 'Forwards a port of this computer to a port of a QEMU machine, and prints it as host:port.',
  arguments: [
    { name: 'id', help: 'id of the machine', completes: 'device' },
    { name: 'port', help: 'port of the machine' },
    { name: 'host-port', help: 'port of this computer; any free one if absent', optional: true },
  ],
  flags: ['labName'],
  examples: [
    'metalkit lab forward 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c 22',
    'metalkit lab forward 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c 80 8080',
  ],
  load: () => import('./forward.ts'),
})

/** The lab, and what is done with one that runs. */
export const labCommands: readonly Command[] = [lab, env, page, status, stop, logs, forward]
