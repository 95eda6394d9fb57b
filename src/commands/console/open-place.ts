// Opens a machine's console through its cloud, and again while it is refused because the machine still comes up.
import { ApiError, AuthenticationError, FinalRefusal } from '../../errors.ts'
import type { Context } from '../../io.ts'
import type { Cloud, ConsolePlace, MachineRecord, Phase } from '../../machine/cloud.ts'
import type { AccessFinder } from '../../ssh/access.ts'
import type { Identities } from '../../ssh/identities.ts'

const retryMs = 5000

/** The user's keys for a console whose host is not known yet. @throws ConsoleError if there are none */
export async function findIdentities(access: AccessFinder, signal: AbortSignal): Promise<Identities> {
  const { identities } = await access.find({ host: 'localhost', port: 22 }, '', signal)
  return identities
}

/** Whether a refusal may end once the machine is up. */
function isPassing(error: unknown): error is ApiError {
  if (error instanceof AuthenticationError || error instanceof FinalRefusal) return false
  return error instanceof ApiError && error.status !== 403
}

interface OpenOptions {
  access: AccessFinder
  /** What the machine was doing when last polled. */
  phase: () => Phase | undefined
  report: Context['report']
  signal: AbortSignal
}

/**
 * Opens a machine's console; the caller disposes it.
 * @throws ConsoleError or ApiError if it is refused to a machine that is up; the signal's reason
 */
export async function openPlace(
  cloud: Cloud,
  machine: MachineRecord,
  { access, phase, report, signal }: OpenOptions,
): Promise<ConsolePlace> {
  // If the hosts are known before, the console is made for no key in particular, and the host's settings choose the keys.
  const publicKeys = cloud.consoleHosts('') === undefined ? await access.listKeys(signal) : []
  let said = ''
  const onWait = (why: string) => {
    if (why !== said) report.info(`Waiting for the console: ${why}...`)
    said = why
  }
  for (;;) {
    try {
      return await cloud.openConsole(machine, { publicKeys, onWait, signal })
    } catch (error) {
      const isComing = ['coming', 'switching', 'unknown', undefined].includes(phase())
      if (!isPassing(error) || !isComing) throw error
      onWait(error.message)
      await cloud.clock.sleep(retryMs, signal)
    }
  }
}
