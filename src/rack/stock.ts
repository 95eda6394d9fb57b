// A rack's stock as a cloud: its plans, its one metro, and its machines.
import type { Catalogue } from '../lab/cloud/catalogue.ts'
import type { Inventory } from '../lab/cloud/inventory.ts'
import type { RackDriver } from './machines/driver.ts'
import type { RackFile } from './file/rack-file.ts'

/** The catalogue of a rack. It installs no operating system: machines boot what a script names. */
export function catalogueOf({ plans, machines, metro: code }: RackFile): Catalogue {
  const metro = { code, name: code, country: 'US', address: code }
  return {
    plans: Object.entries(plans).map(([slug, specs]) => ({
      slug,
      aliases: [],
      arch: machines.find(({ plan }) => plan === slug)?.arch ?? 'x86_64',
      cpus: 0,
      memoryMib: 0,
      specs,
    })),
    operatingSystems: [{ slug: 'custom_ipxe', name: 'Custom iPXE', distro: 'custom_ipxe', version: '1' }],
    metros: [metro],
    facilities: [{ code: `${code}1`, metro }],
  }
}

/** The machines of a rack, and which of them may be used. */
export function inventoryOf({ machines }: RackFile, driver: Pick<RackDriver, 'whyUnusable' | 'lastSeen'>): Inventory {
  return {
    machines: machines.map(({ name, plan, inUse, diskBoot, macs: [first = '', ...others] }) => ({
      name,
      plan,
      macs: [first, ...others],
      inUse,
      diskBoot: diskBoot === 'sanboot' ? 'sanboot' : 'exit',
    })),
    whyUnusable: (name) => driver.whyUnusable(name),
    lastSeen: (name) => driver.lastSeen(name),
  }
}
