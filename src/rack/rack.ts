// Opens a rack: its state, network boot, the power of its machines, and the door through which they fetch.
import { type Clock, systemClock } from '../clock.ts'
import type { Reporter } from '../io.ts'
import type { Catalogue } from '../lab/cloud/catalogue.ts'
import type { Inventory } from '../lab/cloud/inventory.ts'
import type { ScriptRelay } from '../lab/api/routes/machine.ts'
import type { Route } from '../lab/web/router.ts'
import { Resources } from '../resources.ts'
import { type BootDoor, openBootDoor } from './boot-door.ts'
import { bootRoutes } from './boot-routes.ts'
import { openRackConsole } from './console/open-console.ts'
import { rackRoutes } from './control-routes.ts'
import type { RackFile } from './file/rack-file.ts'
import { createRackDriver, type RackDriver } from './machines/driver.ts'
import { People } from './machines/people.ts'
import { RackState } from './machines/rack-state.ts'
import { discPath, mediaRoutes } from './media-routes.ts'
import { openDisc } from './media/open-disc.ts'
import { chooseBinaries, isNetbooted } from './netboot/choose-binaries.ts'
import { noNetboot, startNetboot } from './netboot/netboot.ts'
import { Sightings } from './netboot/sightings.ts'
import type { Ports } from './netboot/udp.ts'
import type { Power } from './power/power.ts'
import { createPower } from './power/create-power.ts'
import { scriptRelay } from './script-relay.ts'
import { catalogueOf, inventoryOf } from './stock.ts'
import { wipeRoutes } from './wipe-routes.ts'

/** The parts of a rack. */
export interface RackParts {
  /** The path of the rack's file. */
  path: string
  file: RackFile
  /** The folder of all state. */
  stateFolder: string
  /** Port of the door on the machines' LAN. */
  bootPort: number
  env: Record<string, string | undefined>
  report: Reporter
  /** The end of the server. */
  signal: AbortSignal
  clock?: Clock | undefined
  /** Ports of network boot; tests use others. */
  ports?: Ports | undefined
  pollMs?: number | undefined
  /** The power and the console of a machine; tests simulate them. */
  wires?: Partial<Wires> | undefined
}

/** What connects the rack with a machine. */
export interface Wires {
  createPower: typeof createPower
  openConsole: typeof openRackConsole
}

/** The parts of a lab that is the cloud of a rack. */
export interface RackCloud {
  driver: RackDriver
  catalogue: Catalogue
  inventory: Inventory
  machineOrigin: string
  isLab: false
  /** For machines. */
  routes: readonly Route[]
  relay: ScriptRelay
  /** For the commands of this program. */
  controlRoutes: readonly Route[]
}

/** An open rack, for a lab to be its cloud. Disposing it leaves the machines as they are. */
export interface Rack extends AsyncDisposable {
  cloud: RackCloud
  door: BootDoor
  /** Whether a DHCP server on this computer shares port 67. */
  sharesDhcp: boolean
}

/**
 * Opens a rack.
 * @throws RackError or LabError if another rack uses the file, a port is taken, or the state cannot be used
 */
export async function openRack(parts: RackParts): Promise<Rack> {
  const { path, file, stateFolder, bootPort, env, report, signal, clock = systemClock, ports, pollMs } = parts
  const wires: Wires = { createPower, openConsole: openRackConsole, ...parts.wires }
  const { address, dhcp: mode } = file.network
  const machines = file.machines.filter(({ inUse }) => !inUse)
  await using acquired = new Resources()
  const state = acquired.use(await RackState.open(stateFolder, path))
  const { binaries, faults } = await chooseBinaries(file)
  for (const fault of faults) report.warn(`rack: ${fault}`)
  const door = acquired.use(await openBootDoor({ host: address, port: bootPort }, report))
  const sightings = new Sightings()
  const people = new People(report, sightings)
  const netbooted = machines.filter(isNetbooted)
  const netboot =
    netbooted.length === 0
      ? noNetboot
      : acquired.use(
          await startNetboot({
            address,
            mode,
            macs: netbooted.flatMap(({ macs }) => macs),
            binaries,
            filesUrl: `${door.origin}/ipxe/`,
            onStep: (step) => sightings.take(step),
            clock,
            ...(ports === undefined ? {} : { ports }),
          }),
        )
  const disc = await openDisc(file, door.origin, { report, signal })
  const secrets = { folder: file.folder, env }
  const powers = new Map<string, Power>()
  for (const machine of machines) {
    const known = () => state.of(machine.name).identity
    const mediaUrl = `${door.origin}${discPath}`
    const tools = { secrets, clock, report, hands: people.handsAt(machine), address, known, mediaUrl }
    powers.set(machine.name, acquired.use(wires.createPower(machine, tools)))
  }
  const driver = createRackDriver({
    file,
    powers,
    netboot,
    sightings,
    people,
    unbootable: disc.unbootable,
    openConsole: (machine, waiting) => wires.openConsole(machine, file, { env, report, signal: waiting, clock }),
    state,
    origin: door.origin,
    report,
    clock,
    signal,
    ...(pollMs === undefined ? {} : { pollMs }),
  })
  const owned = acquired.keep()
  return {
    cloud: {
      driver,
      catalogue: catalogueOf(file),
      inventory: inventoryOf(file, driver),
      machineOrigin: door.origin,
      isLab: false,
      routes: [
        ...bootRoutes(driver.boots, netboot, new Set(machines.flatMap(({ macs }) => macs))),
        ...wipeRoutes(driver.wipes.book, driver.boots),
        ...mediaRoutes(disc.image, driver.boots),
      ],
      relay: scriptRelay(file),
      controlRoutes: rackRoutes(driver),
    },
    door,
    sharesDhcp: netboot.isShared,
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}
