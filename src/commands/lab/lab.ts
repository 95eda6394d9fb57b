// metalkit lab: runs the local cloud until a signal, or for as long as a command runs.
import { describeError, LabError, UsageError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { allDisks, openDiskFolder } from '../../lab/storage/disk-folder.ts'
import { labEnvironment, temporaryEnvironment } from '../../lab/environment.ts'
import { faces } from '../../lab/faces.ts'
import { parseFaults } from '../../lab/faults/faults.ts'
import { takeGround } from '../../lab/ground.ts'
import { findProgram, startInnerCommand } from '../../lab/inner-command.ts'
import type { LabParts } from '../../lab/lab.ts'
import type { MachineDriver } from '../../lab/machines/driver.ts'
import { type QemuLook, recallQemu, x86Program } from '../../lab/machines/qemu/look.ts'
import { endOrphans } from '../../lab/machines/qemu/orphans.ts'
import { bootingPace, quickPace, realPace } from '../../lab/cloud/pace.ts'
import { defaultName, prepareRecords, recordLab } from '../../lab/storage/running-labs.ts'
import { leashProgram, prepareLeash } from '../../lab/storage/leash.ts'
import { openCloudFile } from '../../lab/storage/state-folder.ts'
import { type Address, isLoopbackHost } from '../../address.ts'
import type { LabOptions } from '../../options/command-flags.ts'
import { backgroundArgs, howToUse, startInBackground } from './background.ts'
import { chooseLabTls, describeLab, findPageFolder, listenOn, waitForSignal } from './serving.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'
import { showMachines } from './machine-table.ts'

type Machines = { driver: MachineDriver; note: string }

/** The inputs for a machine driver. */
interface Workshop {
  diskFolder: string
  /** QEMU's report about itself. */
  look: Promise<QemuLook> | undefined
}

async function openQemu(
  { firmware, accelerator }: LabOptions,
  workshop: Workshop,
  { report, signal, env }: Context,
): Promise<Machines> {
  const { createQemuDriver } = await import('../../lab/machines/qemu/qemu.ts')
  const { titleOf, verdictPathOf } = await import('../../lab/machines/qemu/accelerator.ts')
  const verdictPath = verdictPathOf(stateFolderOf(env))
  const driver = await createQemuDriver({ ...workshop, firmware, accelerator, verdictPath, report, signal })
  const { chosen } = driver
  const why = chosen.whySlow === undefined ? '' : `, which is slow (${chosen.whySlow})`
  return { driver, note: `QEMU with ${titleOf(chosen.accelerator)}${why}` }
}

/** Finds QEMU, and what it reports about itself. */
async function findQemu(stateFolder: string, { env, signal }: Context): Promise<QemuLook> {
  const program = await findProgram(x86Program, env['PATH'] ?? '')
  if ('exitCode' in program) throw new Error(program.why)
  return await recallQemu(program.path, stateFolder, signal)
}

/** Chooses the machine driver, with a note about it for the user. */
async function chooseDriver(options: LabOptions, workshop: Workshop, context: Context): Promise<Machines> {
  switch (options.machines) {
    case 'simulated': {
      const { createSimulatedDriver } = await import('../../lab/machines/simulated/simulated.ts')
      const { selfTestMs } = faces[options.labCloud]
      return { driver: createSimulatedDriver({ selfTestMs }), note: 'simulated' }
    }
    case 'qemu':
      return await openQemu(options, workshop, context)
    case 'auto':
      try {
        return await openQemu(options, workshop, context)
      } catch (error) {
        if (!(error instanceof LabError)) throw error
        context.report.warn(`machines are simulated, because QEMU is not available: ${describeError(error)}`)
        return await chooseDriver({ ...options, machines: 'simulated' }, workshop, context)
      }
    default:
      return options.machines satisfies never
  }
}

function warnOfNeighbours(what: string, address: Address, { report }: Context): void {
  if (isLoopbackHost(address.host)) return
  report.warn(
    `the ${what} listens on ${address.host}: anyone who can reach it and has the token can run programs on this computer`,
  )
}

function machinesLine(note: string): string {
  return `machines  ${note}`
}

export async function execute(
  { passthrough: words }: { passthrough: readonly string[] },
  options: LabOptions,
  context: Context,
): Promise<number> {
  const { report, env, signal, forced } = context
  if (options.detach && words.length > 0) {
    throw new UsageError('a lab that runs a COMMAND ends with it, so it cannot run in the background', {
      hint: 'omit -d or the COMMAND',
    })
  }
  if (options.detach) {
    const name = options.labName ?? defaultName
    return await startInBackground({ kind: 'lab', name, args: backgroundArgs(options, name) }, context)
  }
  const face = faces[options.labCloud]
  if (options.facilities && face !== faces.equinixmetal) {
    throw new UsageError(`--facilities is not for --cloud ${face.name}`, { hint: 'omit it' })
  }
  const faults = parseFaults(options.fault, face.faults)
  for (const { text } of faults) report.info(`fault     ${text}`)
  const isForCommand = words.length > 0
  if (isForCommand) {
    const lookup = await findProgram(words[0] ?? '', env['PATH'] ?? '')
    if ('exitCode' in lookup) {
      report.error(`lab: ${lookup.why}`)
      return lookup.exitCode
    }
  }

  // QEMU starts while the remaining modules are loaded.
  const stateFolder = stateFolderOf(env)
  const look = options.machines === 'simulated' ? undefined : findQemu(stateFolder, context)
  look?.catch(() => {})
  const findSetpriv = async () => {
    const found = await findProgram(leashProgram, env['PATH'] ?? '')
    return 'path' in found ? found.path : undefined
  }
  prepareLeash(findSetpriv(), stateFolder)
  // A lab for a command is new each time, unless it has a name; only the default lab uses the fixed ports.
  const name = options.labName ?? (isForCommand ? undefined : defaultName)
  const hasOwnPorts = !isForCommand && name === defaultName
  const listen = listenOn(options.labPort, hasOwnPorts ? 7070 : 0)
  const sosListen = listenOn(options.sosPort, hasOwnPorts ? 7022 : 0)
  warnOfNeighbours('API', listen, context)
  warnOfNeighbours('SOS', sosListen, context)
  await endOrphans(allDisks(stateFolder), report)
  await using disks = await openDiskFolder(stateFolder, name)
  const { driver, note } = await chooseDriver(options, { diskFolder: disks.path, look }, context)
  await using kept = name === undefined ? undefined : await openCloudFile(stateFolder, name)
  const pace = options.pace === 'real' ? realPace : driver.kind === 'qemu' ? bootingPace : quickPace
  const { facilities, isolate } = options
  const tls = await chooseLabTls(options, context)
  const parts: LabParts = {
    face,
    listen,
    sosListen,
    driver,
    stateFolder,
    pace,
    facilities,
    isolate,
    tls,
    faults,
    report,
    forced,
    name,
    cloudFile: kept?.path,
    pageFolder: findPageFolder(),
  }
  await using ground = await takeGround(parts)
  const { contact } = ground
  const environment = labEnvironment(contact)
  const lines = describeLab(ground, [machinesLine(note)], name ?? defaultName)
  if (isForCommand) {
    // The user learns how fast the machines are; the command finds everything else in its variables.
    if (driver.kind === 'qemu') report.info(machinesLine(note))
    for (const line of lines) report.detail(line)
  } else for (const line of lines) report.info(line)
  await prepareRecords(stateFolder)
  const record = async () => await recordLab(stateFolder, { ...contact, environment, name })
  const start = async () => {
    const { startLab } = await import('../../lab/lab.ts')
    return await startLab(parts, ground)
  }
  if (isForCommand) {
    const failed = new AbortController()
    const runCommand = async () =>
      await startInnerCommand(words, {
        env: { ...env, ...environment, ...(name === undefined ? temporaryEnvironment(contact) : {}) },
        atTerminal: context.stdin.isTTY === true,
        isToStay: context.isToStay === true,
        signal: AbortSignal.any([signal, failed.signal]),
        forced,
      })
    // What usually keeps a lab from starting has been done, unless it has devices to restore: the command starts while the rest loads.
    const early = kept === undefined ? await runCommand() : undefined
    try {
      await using _record = await record()
      await using _lab = await start()
      return await (early ?? (await runCommand())).ended
    } catch (error) {
      failed.abort(error)
      await early?.ended.catch(() => {})
      throw error
    }
  }
  await using _record = await record()
  await using lab = await start()
  report.info(howToUse('lab', name ?? defaultName))
  using _table = showMachines(lab, context)
  return await waitForSignal(context)
}
