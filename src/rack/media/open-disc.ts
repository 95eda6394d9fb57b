// The disc of a rack, if a machine boots from one.
import { describeError } from '../../errors.ts'
import type { Reporter } from '../../io.ts'
import type { RackFile } from '../file/rack-file.ts'
import type { BinaryKind } from '../netboot/boot-client.ts'
import { binaryOf } from '../netboot/choose-binaries.ts'
import { makeDisc } from './disc.ts'
import { chooseDiscFiles } from './disc-files.ts'
import { discScript } from './disc-script.ts'

/** The disc, if there is one. */
export interface RackDisc {
  image: Buffer | undefined
  /** Why a machine cannot boot from it, by the machine's name. */
  unbootable: ReadonlyMap<string, string>
}

/** Makes the disc for the machines of a rack. What it lacks is a warning: the other machines work without it. */
export async function openDisc(
  file: RackFile,
  origin: string,
  { report, signal }: { report: Pick<Reporter, 'warn'>; signal: AbortSignal },
): Promise<RackDisc> {
  const machines = file.machines.filter(({ boot, inUse }) => boot === 'media' && !inUse)
  if (machines.length === 0) return { image: undefined, unbootable: new Map() }
  const { files, problems, warnings } = await chooseDiscFiles(file)
  for (const line of [...problems, ...warnings]) report.warn(`rack: the disc for boot: media: ${line}`)
  const isOn = (kind: BinaryKind) =>
    files[kind] !== undefined && (kind !== 'bios' || (files.isolinux !== undefined && files.ldlinux !== undefined))
  let image: Buffer | undefined
  if (machines.some((machine) => isOn(binaryOf(machine)))) {
    try {
      image = await makeDisc(files, discScript(origin, machines), signal)
    } catch (error) {
      signal.throwIfAborted()
      report.warn(`rack: ${describeError(error)}`)
    }
  }
  const lost = machines.filter((machine) => image === undefined || !isOn(binaryOf(machine)))
  const why = 'the disc for boot: media cannot boot it: rack check says why'
  return { image, unbootable: new Map(lost.map(({ name }) => [name, why])) }
}
