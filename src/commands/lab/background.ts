// metalkit lab -d: runs the lab in a background process that outlives this one.
import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isSea } from 'node:sea'
import { type Address, formatAddress } from '../../address.ts'
import { systemClock } from '../../clock.ts'
import { exitCodes, LabError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { findRunningLab, kindOf, nameFlag } from '../../lab/storage/running-labs.ts'
import { nameIsTaken } from '../../lab/storage/state-folder.ts'
import { makeFolder } from '../../files/make-folder.ts'
import type { CloudOptions, LabOptions } from '../../options/command-flags.ts'
import { logPathOf, stateFolderOf } from '../../lab/storage/state-paths.ts'

/** A flag with an address, if there is one. */
function listenFlag(name: string, address: Address | undefined): string[] {
  if (address === undefined) return []
  return [`--${name}=${formatAddress(address)}`]
}

/** A flag with a path, if there is one. */
function fileFlag(name: string, path: string | undefined): string[] {
  return path === undefined ? [] : [`--${name}=${path}`]
}

/** The last line of a lab's or a rack's start-up messages in a terminal. */
export function howToUse(kind: 'lab' | 'rack', name: string): string {
  return `In another shell: eval "$(metalkit ${kind} env${nameFlag(name)})"; to end the ${kind}: Ctrl-C here, or metalkit lab stop${nameFlag(name)}`
}

/** The flags of a lab or a rack in the background. */
export function cloudArgs(options: CloudOptions, name: string): string[] {
  return [
    '--detach=false',
    `--name=${name}`,
    `--tls=${options.labTls}`,
    ...fileFlag('tls-cert', options.labTlsCert),
    ...fileFlag('tls-key', options.labTlsKey),
    ...listenFlag('port', options.labPort),
    ...listenFlag('sos-port', options.sosPort),
  ]
}

/** The command line of the background lab. */
export function backgroundArgs(options: LabOptions, name: string): string[] {
  return [
    'lab',
    ...cloudArgs(options, name),
    `--cloud=${options.labCloud}`,
    `--machines=${options.machines}`,
    `--firmware=${options.firmware}`,
    `--accelerator=${options.accelerator}`,
    `--pace=${options.pace}`,
    `--facilities=${options.facilities}`,
    `--isolate=${options.isolate}`,
    `--fault=${options.fault}`,
  ]
}

/** A lab or a rack to start, by its command line. */
export interface BackgroundLab {
  kind: 'lab' | 'rack'
  name: string
  args: readonly string[]
}

/** Starts it and waits until it can be used. @throws LabError with its last message if it ends at once */
export async function startInBackground({ kind, name, args }: BackgroundLab, context: Context): Promise<number> {
  const { env, report, signal } = context
  const stateFolder = stateFolderOf(env)
  const logPath = logPathOf(stateFolder, name)
  const already = await findRunningLab(stateFolder, name)
  if (already !== undefined) {
    throw nameIsTaken(name, `as process ${already.process.split(' ')[0]}`, kindOf(already))
  }
  await makeFolder(dirname(logPath), 0o700)
  const log = await open(logPath, 'w', 0o600)
  // A single executable is its own script.
  const script = isSea() ? [] : [process.argv[1] ?? '']
  const child = spawn(process.execPath, [...process.execArgv, ...script, ...args], {
    stdio: ['ignore', log.fd, log.fd],
    env,
    detached: true,
  })
  await log.close()
  let hasEnded = false
  child.once('exit', () => (hasEnded = true))
  child.once('error', () => (hasEnded = true))
  try {
    for (;;) {
      const lab = await findRunningLab(stateFolder, name)
      if (lab?.process.split(' ')[0] === String(child.pid)) break
      if (hasEnded) {
        const output = (await readFile(logPath, 'utf8').catch(() => '')).trim()
        throw new LabError(
          output
            .split('\n')
            .at(-1)
            ?.replace(/^metalkit: ((lab|rack): )?/, '') || 'it ended at once',
        )
      }
      await systemClock.sleep(50, signal)
    }
  } catch (error) {
    child.kill('SIGTERM')
    throw error
  }
  child.unref()
  const logText = await readFile(logPath, 'utf8')
  for (const line of logText.split('\n')) if (line !== '' && line !== howToUse(kind, name)) report.info(line)
  report.info(`Use it with eval "$(metalkit ${kind} env${nameFlag(name)})"; metalkit lab stop${nameFlag(name)} ends it`)
  return exitCodes.success
}
