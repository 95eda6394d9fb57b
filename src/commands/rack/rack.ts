// metalkit rack: makes a Metal cloud of the machines of a rack file, until a signal.
import { resolve } from 'node:path'
import { type Address, isLoopbackHost } from '../../address.ts'
import { asRackError, UsageError } from '../../errors.ts'
import type { Context } from '../../io.ts'
import { labEnvironment } from '../../lab/environment.ts'
import { takeGround } from '../../lab/ground.ts'
import type { LabParts } from '../../lab/lab.ts'
import { recordLab } from '../../lab/storage/running-labs.ts'
import { openCloudFile } from '../../lab/storage/state-folder.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'
import type { RackOptions } from '../../options/command-flags.ts'
import { cloudArgs, howToUse, startInBackground } from '../lab/background.ts'
import { showMachines } from '../lab/machine-table.ts'
import { chooseLabTls, describeLab, findPageFolder, listenOn, waitForSignal } from '../lab/serving.ts'
import { defaultRackName } from './find-rack.ts'

/** The command line of a rack in the background. */
function backgroundArgs(file: string, options: RackOptions, name: string): string[] {
  return [
    'rack',
    ...cloudArgs(options, name),
    `--boot-port=${options.bootPort}`,
    `--boot-timeout=${options.bootTimeout}ms`,
    `--facilities=${options.facilities}`,
    `--insecure-http=${options.insecureHttp}`,
    file,
  ]
}

/** An API on the network speaks TLS, unless the user says that it need not. */
function checkExposure(listen: Address, hasTls: boolean, insecureHttp: boolean): void {
  if (isLoopbackHost(listen.host) || hasTls || insecureHttp) return
  throw new UsageError(`the API would listen on ${listen.host} without TLS, where anyone can read its token`, {
    hint: 'add --tls (or --tls-cert and --tls-key), or --insecure-http to allow it',
  })
}

/** Runs the rack. @throws RackError, UsageError */
export async function execute(args: { file: string }, options: RackOptions, context: Context): Promise<number> {
  try {
    return await runRack(args, options, context)
  } catch (error) {
    throw asRackError(error)
  }
}

async function runRack({ file: path }: { file: string }, options: RackOptions, context: Context): Promise<number> {
  const { report, env, signal, forced } = context
  const name = options.labName ?? defaultRackName
  const listen = listenOn(options.labPort, name === defaultRackName ? 7070 : 0)
  const sosListen = listenOn(options.sosPort, name === defaultRackName ? 7022 : 0)
  const { loadRack } = await import('../../rack/load-rack.ts')
  const file = await loadRack(path, { env, report, signal })
  const tls = await chooseLabTls(options, context)
  checkExposure(listen, tls !== undefined, options.insecureHttp)
  if (options.detach) {
    return await startInBackground({ kind: 'rack', name, args: backgroundArgs(path, options, name) }, context)
  }
  const stateFolder = stateFolderOf(env)
  const { openRack } = await import('../../rack/rack.ts')
  const { rackPace } = await import('../../rack/pace.ts')
  await using kept = await openCloudFile(stateFolder, name)
  await using rack = await openRack({ path, file, stateFolder, bootPort: options.bootPort, env, report, signal })
  const { cloud, door } = rack
  const parts: LabParts = {
    ...cloud,
    name,
    listen,
    sosListen,
    stateFolder,
    pace: rackPace(options.bootTimeout),
    facilities: options.facilities,
    tls,
    report,
    forced,
    cloudFile: kept.path,
    pageFolder: findPageFolder(),
  }
  await using ground = await takeGround(parts)
  const environment = labEnvironment(ground.contact)
  const count = file.machines.length
  const machines = [
    `machines  ${count} in ${path}, which boot from ${door.origin}`,
    ...(rack.sharesDhcp ? ['network   shares port 67 with a DHCP server on this computer'] : []),
    ...(file.network.dhcp === 'none'
      ? [`network   your DHCP server has to name the boot files: metalkit rack check ${path} prints its options`]
      : []),
  ]
  for (const line of describeLab(ground, machines, name)) report.info(line)
  await using _record = await recordLab(stateFolder, { ...ground.contact, environment, name, rack: resolve(path) })
  const { startLab } = await import('../../lab/lab.ts')
  await using lab = await startLab(parts, ground)
  door.answerWith(lab.handle, cloud.driver.boots)
  report.info(howToUse('rack', name))
  using _table = showMachines(lab, context)
  return await waitForSignal(context)
}
