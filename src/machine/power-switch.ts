// A machine's power switch, through its cloud: the escape keys ~R and ~P of its console.
import type { Cloud, Phase } from './cloud.ts'

const lookMs = 2000

/** Switches one machine. */
export interface PowerSwitch {
  /** True during a power cycle, when a machine that is off has not ended. */
  readonly cycling: boolean
  reboot(): Promise<void>
  powerCycle(): Promise<void>
}

/** The power switch of a machine. */
export function createPowerSwitch(cloud: Cloud, id: string, signal: AbortSignal): PowerSwitch {
  let cycling = false
  async function waitWhile(passes: (phase: Phase) => boolean): Promise<void> {
    while (passes((await cloud.get(id, signal)).phase)) await cloud.clock.sleep(lookMs, signal)
  }
  return {
    get cycling() {
      return cycling
    },
    async reboot() {
      await cloud.power(id, 'reboot', signal)
    },
    async powerCycle() {
      if (cycling) return
      cycling = true
      try {
        await cloud.power(id, 'off', signal)
        await waitWhile((phase) => phase !== 'off')
        await cloud.power(id, 'on', signal)
        await waitWhile((phase) => phase === 'off')
      } finally {
        cycling = false
      }
    },
  }
}
