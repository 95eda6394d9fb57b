// metalkit rack check: looks at everything that a rack needs, and changes nothing.
import { errorFields, exitCodeOf, exitCodes, MetalkitError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'
import type { Options } from '../../options/flags.ts'
import type { RackFinding } from '../../rack/check/check-machine.ts'
import { within } from '../../deadline.ts'
import { plainJson } from '../../text/plain-text.ts'
import { TaskQueue } from '../../task-queue.ts'

/** Longer than any useful answer takes: a silent BMC is known to be silent after 10 s. */
const patienceMs = 60_000
/** How many machines are asked at once. */
const atOnce = 8

interface Check {
  name: string
  /** What is looked at in the machine of this name; undefined if it is not a machine's. */
  part?: 'power' | 'console' | 'use'
  look: (signal: AbortSignal) => Promise<RackFinding | readonly RackFinding[]>
}

type Result = { status: 'ok' | 'warn'; finding: RackFinding } | { status: 'fail'; finding: RackFinding; error: unknown }

/** Runs a check, and turns its error into a result. */
async function runCheck({ look }: Check, { signal }: Context): Promise<Result[]> {
  const patience = within(patienceMs, signal)
  try {
    return [await look(patience)]
      .flat()
      .map((finding) => ({ status: finding.hint === undefined ? 'ok' : 'warn', finding }))
  } catch (error) {
    signal.throwIfAborted()
    if (patience.aborted && !(error instanceof MetalkitError)) {
      const finding = { detail: `did not finish within ${patienceMs / 1000} s`, hint: 'check the network' }
      return [{ status: 'fail', finding, error }]
    }
    if (!(error instanceof MetalkitError)) throw error
    const { message: detail, hint } = errorFields(error)
    return [{ status: 'fail', finding: { detail, ...(hint === undefined ? {} : { hint }) }, error }]
  }
}

/** Runs all checks, and prints them in their order; the exit code is that of the first failure. */
export async function execute(
  { file: path }: { file: string },
  { bootPort, json }: Options<'bootPort' | 'json'>,
  context: Context,
): Promise<number> {
  const { env, report, signal, stdout } = context
  const { loadRack } = await import('../../rack/load-rack.ts')
  const { checkMachineConsole, checkPower } = await import('../../rack/check/check-machine.ts')
  const network = await import('../../rack/check/check-network.ts')
  const { isNetbooted } = await import('../../rack/netboot/choose-binaries.ts')
  const { checkWipe, wipeScriptsOf } = await import('../../rack/check/check-wipe.ts')
  const { systemClock } = await import('../../clock.ts')
  const file = await loadRack(path, { env, report, signal })
  const hands = { tell() {}, seenOn: () => Promise.resolve(), confirmedOff: () => Promise.resolve() }
  const tools = {
    secrets: { folder: file.folder, env },
    clock: systemClock,
    report,
    hands,
    address: file.network.address,
  }
  const stateFolder = stateFolderOf(env)
  const checks: Check[] = [
    { name: 'address', look: () => network.checkAddress(file) },
    { name: 'ports', look: () => network.checkPorts(file, { path, stateFolder, bootPort }) },
    ...(file.machines.some(isNetbooted)
      ? [
          { name: 'ipxe', look: () => network.checkIpxe(file) },
          { name: 'dhcp', look: (patience: AbortSignal) => network.checkDhcp(file, patience) },
        ]
      : []),
    ...(file.machines.some(({ boot, inUse }) => boot === 'media' && !inUse)
      ? [{ name: 'disc', look: (patience: AbortSignal) => network.checkDisc(file, patience) }]
      : []),
    ...file.machines.flatMap((machine): Check[] =>
      machine.inUse
        ? [
            {
              name: machine.name,
              part: 'use',
              look: () => Promise.resolve({ detail: 'in use: not touched, and not asked' }),
            },
          ]
        : [
            { name: machine.name, part: 'power', look: (patience) => checkPower(machine, tools, patience) },
            { name: machine.name, part: 'console', look: (patience) => checkMachineConsole(machine, tools, patience) },
          ],
    ),
    ...wipeScriptsOf(file).map((script): Check => ({ name: 'wipe', look: (patience) => checkWipe(script, patience) })),
  ]
  const lanes = Array.from({ length: atOnce }, () => new TaskQueue())
  const results = checks.map(
    (check, at) =>
      new Promise<Result[]>((resolve, reject) => {
        lanes[Math.floor(at / 2) % atOnce]?.add(async () => resolve(await runCheck(check, context)), reject)
      }),
  )
  // All are awaited below, one after another; a failure before its turn is not unhandled.
  for (const result of results) result.catch(() => {})
  const width = Math.max(...checks.map(({ name }) => name.length))
  let code: number = exitCodes.success
  for (const [at, { name, part }] of checks.entries()) {
    if (report.live) report.progress(`checking ${name}`)
    const shown = (await results[at]) ?? []
    report.progress('')
    for (const result of shown) {
      const { detail, hint } = result.finding
      const { status } = result
      if (json) {
        const what = part === undefined ? { check: name } : { check: part, machine: name }
        stdout.write(`${plainJson({ ...what, status, ...result.finding })}\n`)
      } else {
        stdout.write(`${status.padEnd(4)}  ${name.padEnd(width)}  ${detail}\n`)
        if (hint !== undefined) stdout.write(`${' '.repeat(width + 8)}-> ${hint}\n`)
      }
      if (result.status === 'fail' && code === exitCodes.success) {
        code = result.error instanceof MetalkitError ? exitCodeOf(result.error) : exitCodes.lab
      }
    }
  }
  if (file.network.dhcp === 'none') {
    const detail = network.describeRouter(file, bootPort)
    stdout.write(json ? `${plainJson({ check: 'router', status: 'ok', detail })}\n` : `\n${detail}`)
  }
  return code
}
