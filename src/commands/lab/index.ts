// The commands of the lab, as help shows them.
import { type Command, command } from '../../options/command.ts'
import { labFlagNames } from '../../options/command-flags.ts'

const lab = command({
  words: 'lab',
  summary: 'run a cloud on this computer: API, SSH console and machines',
  description:
    'Runs the Metal API (or, with --cloud, that of Latitude.sh or Oracle Cloud), its serial console over SSH and machines on this computer until Ctrl-C, or for as long as COMMAND runs. A named lab keeps its devices, keys and events, and restores them when it starts again.',
  arguments: [],
  passthrough: 'COMMAND...',
  flags: labFlagNames,
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
  summary: "print the link to a lab's web page",
  description: 'Prints a link that contains the token of the lab: anyone who has the link can use the lab.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab page', 'xdg-open "$(metalkit lab page)"'],
  load: () => import('./page.ts'),
})

const status = command({
  words: 'lab status',
  summary: 'list the running labs on this computer',
  description: 'Lists the running labs: name, process, age, API and machines.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab status', 'metalkit lab status --name ci'],
  load: () => import('./status.ts'),
})

const stop = command({
  words: 'lab stop',
  summary: 'stop a lab',
  description: 'Stops a lab and waits until its machines are off. A named lab restores them when it starts again.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab stop', 'metalkit lab stop --name ci'],
  load: () => import('./stop.ts'),
})

const logs = command({
  words: 'lab logs',
  summary: 'print the log of a lab in the background',
  description: 'Prints the log of a lab that was started with --detach, even if it is no longer running.',
  arguments: [],
  flags: ['labName'],
  examples: ['metalkit lab logs', 'metalkit lab logs --name ci'],
  load: () => import('./logs.ts'),
})

const forward = command({
  words: 'lab forward',
  summary: "forward a local port to a machine's TCP port",
  description: 'Forwards a local port to a TCP port of a QEMU machine, and prints the local address as host:port.',
  arguments: [
    { name: 'id', help: 'ID of the machine', completes: 'device' },
    { name: 'port', help: 'port of the machine' },
    { name: 'host-port', help: 'local port; any free one by default', optional: true },
  ],
  flags: ['labName'],
  examples: [
    'metalkit lab forward 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c 22',
    'metalkit lab forward 4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c 80 8080',
  ],
  load: () => import('./forward.ts'),
})

/** The lab, and the commands for a running one. */
export const labCommands: readonly Command[] = [lab, env, page, status, stop, logs, forward]
