// The commands of the rack, as help shows them.
import { type Command, command } from '../../options/command.ts'
import { rackFlagNames } from '../../options/command-flags.ts'

const rack = command({
  words: 'rack',
  summary: 'make a Metal cloud of the machines you own',
  description:
    'Runs a Metal API, an SOS console and network boot for the machines of a rack file until Ctrl-C. Machines stay as they are when it ends, and it finds them again when it starts.',
  arguments: [{ name: 'file', help: 'rack file (YAML or JSON)', completes: 'files' }],
  flags: rackFlagNames,
  examples: [
    'metalkit rack check rack.yaml',
    'metalkit rack rack.yaml',
    'eval "$(metalkit rack env)" && metalkit run equinixmetal -metro home -machine nuc.small -base-url http://192.168.1.10:8080 linuxkit',
    'metalkit rack --port 192.168.1.10:7070 --tls rack.yaml',
  ],
  load: () => import('./rack.ts'),
})

const check = command({
  words: 'rack check',
  summary: 'check that everything a rack needs is in place; changes nothing',
  description:
    'Checks ports, iPXE and the DHCP servers of the network, then for each machine its BMC, identity, login and console. With dhcp: none, it also prints the options to set in your router.',
  arguments: [{ name: 'file', help: 'rack file (YAML or JSON)', completes: 'files' }],
  flags: ['bootPort', 'json'],
  examples: ['metalkit rack check rack.yaml', 'metalkit rack check --json rack.yaml'],
  load: () => import('./check.ts'),
})

const list = command({
  words: 'rack list',
  summary: 'list the machines of a running rack',
  description: 'Lists the machines: name, plan, the device that has it, and, if it cannot be used, why.',
  arguments: [],
  flags: ['labName', 'json'],
  examples: ['metalkit rack list', 'metalkit rack list --name lab2', 'metalkit rack list --json'],
  load: () => import('./list.ts'),
})

const release = command({
  words: 'rack release',
  summary: 'allow a rack to switch a machine off and use it',
  description:
    'Releases a machine that was on when the rack first met it, or that a device of another cloud had. It also allows the use of a machine whose wipe failed, although its disks may not be empty. For a machine that only a person can switch, it confirms that the machine is off.',
  arguments: [{ name: 'machine', help: 'name of the machine in the rack file' }],
  flags: ['labName'],
  examples: ['metalkit rack release r1', 'metalkit rack release --name lab2 r1'],
  load: () => import('./release.ts'),
})

const env = command({
  words: 'rack env',
  summary: 'print the variables that point a shell at a rack',
  description: 'Prints export lines for a POSIX shell: API URL, token, project, SSH key and known_hosts of the rack.',
  arguments: [],
  flags: ['labName'],
  examples: ['eval "$(metalkit rack env)"', 'metalkit rack env --name lab2'],
  load: () => import('./env.ts'),
})

/** The rack, and the commands for a running one. */
export const rackCommands: readonly Command[] = [rack, check, list, release, env]
