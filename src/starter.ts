// How the program was started, as far as Linux shows it: whether to ignore hangups, and which parent's exit ends it.
import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isatty } from 'node:tty'

const shells = new Set(['sh', 'dash', 'bash', 'ash', 'busybox', 'zsh', 'ksh'])

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The /proc entry of a process; undefined if the process is gone, or the system has no /proc. */
function statOf(pid: number | 'self') {
  const [, name, rest] = /^\d+ \((.*)\) \S+ (.*)/s.exec(read(`/proc/${pid}/stat`)) ?? []
  if (name === undefined || rest === undefined) return undefined
  const [parent, group, session, terminal, foreground] = rest.split(' ').map(Number)
  return { name, parent, group, session, terminal, foreground }
}

/** Whether a process ignores SIGHUP; Node resets its own signals as it starts, so only its parent's tell. */
function ignoresHangup(pid: number): boolean {
  const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(read(`/proc/${pid}/status`))?.[1]
  return ignored !== undefined && (BigInt(`0x${ignored}`) & 1n) === 1n
}

/** nohup takes the place of a terminal's input with a /dev/null that can only be written. */
function hasStdinOfNohup(): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(read('/proc/self/fdinfo/0'))?.[1] ?? '0'
    return readlinkSync('/proc/self/fd/0') === '/dev/null' && (Number.parseInt(flags, 8) & 3) === 1
  } catch {
    return false
  }
}

/** Whether the program is a background job of its terminal; the terminal stops such a job if it reads or changes the mode. */
export function isInBackground(): boolean {
  const self = statOf('self')
  return self !== undefined && self.terminal !== 0 && self.foreground !== self.group
}

/**
 * Whether a terminal among the standard streams belongs to another session, whose shell continues to read from it: the program
 * was started by setsid. A terminal that controls no session is the program's own (a pty that a parent has created for it).
 */
export function isOnTerminalOfOthers(): boolean {
  if (statOf('self')?.terminal !== 0) return false
  const terminals = [0, 1, 2].filter((fd) => isatty(fd)).map((fd) => fstatSync(fd).rdev)
  if (terminals.length === 0) return false
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.some((pid) => terminals.includes(statOf(pid)?.terminal ?? 0))
}

/** Whether the shell of start.sh found SIGHUP ignored. Removes its note, which says nothing about the children. */
export function takeHangupNote(env: NodeJS.ProcessEnv): boolean {
  const note = env['METALKIT_SIGHUP']
  delete env['METALKIT_SIGHUP']
  return note === 'ignored'
}

/**
 * Whether the program was probably started to outlive its terminal: by nohup or setsid, or by a shell that ignores SIGHUP.
 * These are guesses for a start without start.sh: by npm, which is Node too, by `node`, or as the single executable.
 */
export function isStartedToStay(env: NodeJS.ProcessEnv): boolean {
  const isByNohup = /(?:^|\/)nohup$/.test(env['_'] ?? '') || hasStdinOfNohup()
  return isByNohup || isOnTerminalOfOthers() || ignoresHangup(process.ppid)
}

const inits = new Set(['tini', 'docker-init', 'dumb-init', 'catatonit'])

/**
 * The shell or npm that is the command of a container and started this program, under an init or as process 1. When the
 * container is stopped, a shell as process 1 ignores SIGTERM; otherwise npm and shells exit at once, and the kernel kills
 * the remaining processes with process 1. Undefined in a terminal.
 */
export function findDeafStarter(): string | undefined {
  if (statOf('self')?.terminal !== 0) return undefined
  let starter: string | undefined
  for (let pid: number | undefined = process.ppid; pid !== undefined && pid > 0;) {
    const stat = statOf(pid)
    const name = stat?.name.split(' ')[0] ?? ''
    if (pid === 1 && inits.has(name)) return starter
    if (!shells.has(name) && name !== 'npm') return undefined
    if (pid === 1) return name
    starter = name
    pid = stat?.parent
  }
  return undefined
}

/**
 * Calls back once when npm, npx or a shell between them has exited: they do not always pass SIGTERM on. A program in a
 * session of its own (setsid, a lab in the background) must outlive them.
 */
export function watchNpm(env: NodeJS.ProcessEnv, tell: () => void): void {
  const self = statOf('self')
  if (env['npm_command'] === undefined || self === undefined || self.session === process.pid) return
  // Through the intermediate shells up to npm itself.
  const ancestors = () => {
    const pids = [process.ppid]
    for (
      let stat = statOf(process.ppid);
      stat?.parent !== undefined && shells.has(stat.name);
      stat = statOf(stat.parent)
    ) {
      pids.push(stat.parent)
    }
    return pids.join(' ')
  }
  const first = ancestors()
  const timer = setInterval(() => {
    if (ancestors() === first) return
    clearInterval(timer)
    tell()
  }, 1000)
  timer.unref()
}
