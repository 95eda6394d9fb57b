// Holds a machine's console while the machine runs, and turns its end into a result.
import { attachConsole, type ConsoleEnding } from '../../console/session.ts'
import { createWatch } from '../../console/watch.ts'
import { heed } from '../../deadline.ts'
import { InterruptedError, PatternError } from '../../errors.ts'
import { systemClock } from '../../clock.ts'
import type { Context } from '../../io.ts'
import type { Cloud, MachineRecord, Phase } from '../../machine/cloud.ts'
import { describeProgress, followMachine, type Observation } from '../../machine/follow.ts'
import { createPowerSwitch, type PowerSwitch } from '../../machine/power-switch.ts'
import { createActionsLog } from './actions-log.ts'
import type { ConsoleAccess } from './prepare-console.ts'
import { createEventStream } from './console-events.ts'
import { historyReader } from './history.ts'
import { openPlace } from './open-place.ts'
import type { ConsoleOptions } from '../../options/command-flags.ts'
import { Progress } from './progress.ts'
import { defaultTimeoutMs, patternTimeout } from '../shared/time-limit.ts'

const annotatedLines = 10

type Ending = ConsoleEnding | { kind: 'powered-off' }

/** Reports why the console ended, or throws if that is a failure; `pending` is the pattern that did not appear. */
function conclude(ending: Ending, pending: RegExp | undefined, { report }: Context, id: string): void {
  if (ending.kind === 'failed') {
    throw new PatternError(`the console showed "${ending.line}"`, {
      hint: `${ending.pattern} counts as a failure`,
    })
  }
  if (ending.kind === 'powered-off') report.info(`The machine ${id} is powered off.`)
  if (ending.kind === 'left') report.info('You left the console.')
  if (ending.kind === 'matched') report.info('The console showed every pattern of --wait-for.')
  if (pending === undefined || ending.kind === 'matched') return
  const why = { 'powered-off': 'the machine powered off', left: 'the console was left' }[ending.kind]
  throw new PatternError(`${why} before it showed ${pending}`)
}

/** Follows the machine to its end; off does not count during a power cycle. */
async function followToEnd(following: Parameters<typeof followMachine>[0], power: PowerSwitch): Promise<Ending> {
  for (;;) {
    await followMachine(following)
    if (!power.cycling) return { kind: 'powered-off' }
  }
}

/**
 * Attaches to a machine's console and follows the machine until one of them ends: the user leaves, the patterns appear, the
 * machine powers off.
 * @param limit the time limit of the whole run, if it has one
 * @throws PatternError, MachineError or ConsoleError for every other end
 */
export async function holdConsole(
  cloud: Cloud,
  record: MachineRecord,
  access: ConsoleAccess,
  options: ConsoleOptions,
  context: Context,
  limit?: AbortSignal,
): Promise<void> {
  const { report, stdin, stdout, stderr, env, suspend, clock = systemClock } = context
  const { timeout: timeoutMs = defaultTimeoutMs, json } = options
  const { rules, captures } = access
  const { id } = record
  const ends = new AbortController()
  const isWaiting = rules.waitFor.length > 0
  const timer = limit ?? (isWaiting ? AbortSignal.timeout(clock.toRealMs(timeoutMs)) : undefined)
  const signal = AbortSignal.any([context.signal, ends.signal, ...(timer === undefined ? [] : [timer])])
  // One limit decides how a run ends when its time is over, so the waits for the machine and its console have none of their own.
  const patienceMs = timer === undefined ? timeoutMs : Number.POSITIVE_INFINITY
  let seen = 'the machine was not seen'
  let phase: Phase | undefined
  let isReached = false
  if (timer === undefined && stdin.isTTY !== true) {
    report.warn('without a terminal, --wait-for or --timeout, this ends only when the machine powers off')
  }

  using progress = new Progress(report)
  using actionsLog = createActionsLog(env, { log: json ? stderr : stdout, fold: !json }, `console of ${id}`)
  const watch = createWatch(rules)
  const watched = rules.waitFor.length + rules.failOn.length + rules.replies.length > 0 || actionsLog !== undefined
  const power = createPowerSwitch(cloud, id, signal)
  let matches = 0
  const following = followToEnd(
    {
      cloud,
      id,
      timeoutMs: patienceMs,
      onLook(look: Observation) {
        phase = look.machine.phase
        seen = `the machine was ${describeProgress(look)}`
        progress.see(look)
      },
      signal,
    },
    power,
  )
  const output = json ? createEventStream(context) : stdout
  const readHistory = historyReader(cloud, record, context)
  const attach = async () => {
    await using place = await openPlace(cloud, record, { access, phase: () => phase, report, signal })
    const { address } = place
    const host = await access.findPlace(place, signal)
    return await attachConsole({
      ...host,
      username: place.username,
      stdin,
      stdout: output,
      report,
      ...(watched ? { watch } : {}),
      captures,
      readHistory,
      actions: {
        reboot: () => power.reboot(),
        powerCycle: () => power.powerCycle(),
        ...(suspend === undefined ? {} : { suspend }),
      },
      connectTimeoutMs: patienceMs,
      onAttached() {
        isReached = true
        report.event('console-attached', { id, ...address })
      },
      onDropped: (why) => report.event('console-dropped', { id, why }),
      isOff: () => phase === 'off' || phase === 'stopping',
      onMatch(pattern) {
        matches++
        // After the text that contains it, which may still wait for a slow reader.
        if (json) output.write('', () => report.event('matched', { pattern: pattern.source }))
      },
      onOutput() {
        progress.hush()
        actionsLog?.begin()
      },
      signal,
      clock,
    })
  }
  const session = attach()
  // A console that is given back slowly must not hold up the end of a machine after a second interrupt.
  const settled = async () =>
    await heed(Promise.allSettled([session, following]), context.forced).catch(() => undefined)
  try {
    conclude(await Promise.race([session, following]), rules.waitFor[matches], context, id)
  } catch (thrown) {
    const isLate = timer?.aborted === true && thrown === timer.reason
    const error =
      isLate && isWaiting
        ? patternTimeout(rules.waitFor[matches], timeoutMs, isReached ? seen : `its console was not reached; ${seen}`)
        : thrown
    ends.abort()
    await settled()
    if (!isReached && !(error instanceof InterruptedError)) {
      const history = await readHistory?.(context.forced).catch(() => '')
      if (history) report.info('The console was not reached; it showed this:')
      if (history) output.write(history.endsWith('\n') ? history : `${history}\n`)
    }
    actionsLog?.fail(error, watch.lastLines(annotatedLines))
    throw error
  } finally {
    ends.abort()
    await settled()
    for (const capture of captures) await capture[Symbol.asyncDispose]()
  }
}
