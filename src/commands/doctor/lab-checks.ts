// The checks of doctor that concern a lab on this computer.
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import type { Address } from '../../address.ts'
import type { Arch } from '../../arch.ts'
import { stateFolderOf } from '../../lab/storage/state-paths.ts'
import type { Check } from './check.ts'

/** Listens on an address for a moment. @throws ServeError if that fails */
async function tryPort(address: Address): Promise<void> {
  const { listen } = await import('../../listen.ts')
  const server = createServer()
  await listen(server, address)
  await new Promise((resolve) => server.close(resolve))
}

/** The requirements of a lab with machines of an architecture. */
export function labChecks(arch: Arch): Check[] {
  const arm: Check = {
    name: 'qemu-arm',
    optional: true,
    async look() {
      const { findArm64Firmware } = await import('../../lab/machines/qemu/qemu.ts')
      if ((await findArm64Firmware()) !== undefined) return { detail: `QEMU for arm64 machines is installed` }
      return {
        detail: `UEFI firmware for arm64 machines is not installed`,
        hint: 'on Debian: apt-get install qemu-efi-aarch64',
      }
    },
  }
  return [
    ...(arch === 'aarch64' ? [arm] : []),
    {
      name: 'qemu',
      optional: true,
      async look({ report, signal, env }) {
        const { createQemuDriver } = await import('../../lab/machines/qemu/qemu.ts')
        const { titleOf, verdictPathOf } = await import('../../lab/machines/qemu/accelerator.ts')
        const verdictPath = verdictPathOf(stateFolderOf(env))
        const { chosen } = await createQemuDriver({ diskFolder: tmpdir(), verdictPath, report, signal })
        const title = titleOf(chosen.accelerator)
        if (chosen.whySlow === undefined)
          return { detail: `QEMU and its iPXE are installed; machines run with ${title}` }
        const detail = `QEMU and its iPXE are installed; machines run with ${title}, which is slow: ${chosen.whySlow}`
        return { detail, hint: chosen.remedy ?? 'use a computer with KVM' }
      },
    },
    {
      name: 'ports',
      optional: true,
      async look({ env }) {
        const ports = [7070, 7022]
        const { listRunningLabs, portsOf } = await import('../../lab/storage/running-labs.ts')
        const taken = new Set((await listRunningLabs(stateFolderOf(env))).flatMap(portsOf))
        if (ports.every((port) => taken.has(port))) return { detail: `${ports.join(' and ')} are in use by a lab` }
        for (const port of ports) await tryPort({ host: '127.0.0.1', port })
        return { detail: `${ports.join(' and ')} are free for a lab` }
      },
    },
  ]
}
