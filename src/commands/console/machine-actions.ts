// The actions of the escape keys ~R and ~P, through the API.
import type { MetalClient } from '../../metal/client.ts'

const lookMs = 2000

/** Acts on a machine from its console. */
export interface MachineSwitch {
  /** True during a power cycle, when a machine that is off has not ended. */
  readonly cycling: boolean
  reboot(): Promise<void>
  powerCycle(): Promise<void>
}

/** The power switch of a machine. */
export function createMachineSwitch(client: MetalClient, id: string, signal: AbortSignal): MachineSwitch {
  let cycling = false
  async function waitWhile(passes: (state: string) => boolean): Promise<void> {
    while (passes((await client.getDevice(id, signal)).state)) await client.clock.sleep(lookMs, signal)
  }
  return {
    get cycling() {
      return cycling
    },
    async reboot() {
      await client.act(id, 'reboot', signal)
    },
    async powerCycle() {
      if (cycling) return
      cycling = true
      try {
        await client.act(id, 'power_off', signal)
        await waitWhile((state) => state !== 'inactive')
        await client.act(id, 'power_on', signal)
        await waitWhile((state) => state === 'inactive')
      } finally {
        cycling = false
      }
    },
  }
}
