// The basis of the session tests: a folder of keys, a real sshd as the console's server, and running sessions.
import { expect } from 'vitest'
import { type Identities, loadIdentities } from '../../src/ssh/identities.ts'
import { attachConsole, type AttachConsoleOptions, type ConsoleEnding } from '../../src/console/session.ts'
import type { KnownHosts } from '../../src/ssh/known-hosts.ts'
import { createWatch, type Watch, type WatchRules } from '../../src/console/watch.ts'
import { ConsoleError, describeError } from '../../src/errors.ts'
import type { Input } from '../../src/io.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'
import { type KeyKind, makeKey, type Sshd, type SshdOptions, startSshd, type TestKey } from '../helpers/sshd.ts'
import { accessTo, createLog, createScreen, type Screen, trust } from './world.ts'
import { nowhere } from '../helpers/nowhere.ts'

/** Keys in a folder: the host's, the user's, and an unknown one. */
export interface KeyRing extends Disposable {
  folder: TestFolder
  hostKey: TestKey
  user: Record<KeyKind, TestKey>
  stranger: TestKey
}

export function createKeyRing(): KeyRing {
  const folder = makeFolder()
  const make = (name: string, kind: KeyKind) => makeKey(folder.path, name, kind)
  return {
    folder,
    hostKey: make('host', 'ed25519'),
    user: {
      ed25519: make('user-ed25519', 'ed25519'),
      ecdsa: make('user-ecdsa', 'ecdsa'),
      rsa: make('user-rsa', 'rsa'),
    },
    stranger: make('stranger', 'ed25519'),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

/** A path without a key. */
export const noKeys = {
  named: [],
  configured: [],
  configuredOnly: false,
  agentSocket: undefined,
  home: nowhere,
  wanted: undefined,
  prompter: undefined,
}

/** Keys to offer, in this order. */
export async function load(...keys: TestKey[]): Promise<Identities> {
  const { report } = createLog()
  return await loadIdentities({ ...noKeys, named: keys.map(({ file }) => file), report })
}

/** An sshd whose sessions run a command, which plays the machine. */
export async function startMachine(
  { folder, hostKey, user }: KeyRing,
  command: string,
  options: Partial<SshdOptions> = {},
): Promise<Sshd> {
  return await startSshd(folder, { hostKeys: [hostKey], authorized: Object.values(user), command, ...options })
}

/** How a session ended, including a drop if the test does not reattach. */
type Ending = ConsoleEnding | { kind: 'dropped'; why: string }

/** A running session, with its inputs and outputs. */
export interface Attached<I> {
  ending: Promise<Ending>
  stdin: I
  screen: Screen
  log: { text: () => string }
  abort: (reason: Error) => void
}

class Dropped extends Error {}

/** Attaches to the console; a drop ends the session unless `onDropped` is given. */
export function attach<I extends Input>(
  ring: KeyRing,
  place: { host: string; port: number; username?: string },
  stdin: I,
  options: Partial<AttachConsoleOptions> & { knownHosts?: KnownHosts } = {},
): Attached<I> {
  const screen = createScreen()
  const log = createLog()
  const controller = new AbortController()
  const start = async () =>
    await attachConsole({
      ...accessTo(place, options.knownHosts ?? trust(place, ring.hostKey)),
      username: place.username ?? 'device',
      identities: options.identities ?? (await load(ring.user.ed25519)),
      stdin,
      stdout: screen,
      report: log.report,
      connectTimeoutMs: 1000,
      onDropped: (why) => controller.abort(new Dropped(why)),
      signal: controller.signal,
      ...options,
    })
  const ending = start().catch((error: unknown): Ending => {
    if (error instanceof Dropped) return { kind: 'dropped', why: error.message }
    throw error
  })
  // A test awaits it at its end; until then a failure must not count as unhandled.
  ending.catch(() => {})
  return { ending, stdin, screen, log, abort: (reason) => controller.abort(reason) }
}

/** Watch rules with only these fields set. */
export function watchFor(rules: Partial<WatchRules>): Watch {
  return createWatch({ waitFor: [], failOn: [], replies: [], ...rules })
}

/** The error message of a session that fails. */
export async function messageOf(ending: Promise<unknown>): Promise<string> {
  const error: unknown = await ending.then(String, (reason: unknown) => reason)
  expect(error).toBeInstanceOf(ConsoleError)
  return describeError(error)
}
