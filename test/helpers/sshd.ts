// OpenSSH for tests: keys from ssh-keygen, and Debian's sshd on a free loopback port. Each connection gets its own
// `sshd -i`, as inetd would start it, so there is no daemon to wait for or to clean up.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { TestFolder } from './folder.ts'
import { findProgram } from './needs.ts'
import { close, listen } from './port.ts'

export type KeyKind = 'ed25519' | 'ecdsa' | 'rsa'

/** A key pair on disk. */
export interface TestKey {
  file: string
  /** Type and base64, as in known_hosts and authorized_keys. */
  line: string
  base64: string
  blob: Buffer
}

/** A key created by ssh-keygen. */
export function makeKey(folder: string, name: string, kind: KeyKind, passphrase = '', bits = 0): TestKey {
  const file = join(folder, name)
  const size = kind === 'rsa' ? ['-b', '2048'] : bits > 0 ? ['-b', String(bits)] : []
  execFileSync('ssh-keygen', ['-q', '-t', kind, ...size, '-N', passphrase, '-C', name, '-f', file])
  const [type, base64 = ''] = readFileSync(`${file}.pub`, 'utf8').split(' ')
  return { file, line: `${type} ${base64}`, base64, blob: Buffer.from(base64, 'base64') }
}

/** A key of each kind, and another of the first. */
export type HostKeys = Record<KeyKind | 'other', TestKey>

/** Host keys created by ssh-keygen. */
export function makeHostKeys(folder: string): HostKeys {
  return {
    ed25519: makeKey(folder, 'ed25519', 'ed25519'),
    ecdsa: makeKey(folder, 'ecdsa', 'ecdsa'),
    rsa: makeKey(folder, 'rsa', 'rsa'),
    other: makeKey(folder, 'other', 'ed25519'),
  }
}

export interface SshdOptions {
  hostKeys: readonly TestKey[]
  /** Keys that may log in. */
  authorized?: readonly TestKey[]
  /** The command that a session runs, whatever it requests. */
  command?: string
  /** Additional lines of sshd_config. */
  config?: readonly string[]
  /** The file for its debug log. */
  log?: string
}

/** The configuration file of an sshd for tests; with it `sshd -i` speaks SSH on its stdin and stdout. */
export function writeSshdConfig(folder: TestFolder, name: string, options: SshdOptions): string {
  mkdirSync('/run/sshd', { recursive: true })
  const authorized = (options.authorized ?? []).map(({ line }) => line).join('\n')
  return folder.write(
    name,
    [
      ...(options.config ?? []),
      ...options.hostKeys.map(({ file }) => `HostKey ${file}`),
      `AuthorizedKeysFile ${folder.write(`${name}.authorized`, `${authorized}\n`)}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      ...(options.command === undefined ? [] : [`ForceCommand ${options.command}`]),
      '',
    ].join('\n'),
  )
}

/** A listening sshd. */
export interface Sshd extends AsyncDisposable {
  host: string
  port: number
  username: string
  /** Breaks every connection, as a pulled cable would. */
  drop(): void
}

export async function startSshd(folder: TestFolder, options: SshdOptions): Promise<Sshd> {
  const config = writeSshdConfig(folder, `sshd-${Math.random().toString(36).slice(2)}`, options)
  const log = options.log === undefined ? [] : ['-o', 'LogLevel=DEBUG3', '-E', options.log]
  const running = new Set<ChildProcess>()
  // The socket itself becomes stdin and stdout of sshd; this process must not read from it.
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const child = spawn(findProgram('sshd') ?? 'sshd', ['-i', '-f', config, ...log], {
      stdio: [socket, socket, 'ignore'],
      detached: true,
    })
    running.add(child)
    child.on('exit', () => running.delete(child))
    socket.destroy()
  })
  const port = await listen(server)
  const drop = () => {
    for (const { pid } of running) {
      try {
        if (pid !== undefined) process.kill(-pid, 'SIGKILL')
      } catch {
        // It has already ended by itself.
      }
    }
  }
  return {
    host: '127.0.0.1',
    port,
    username: userInfo().username,
    drop,
    async [Symbol.asyncDispose]() {
      drop()
      await close(server)
    },
  }
}
