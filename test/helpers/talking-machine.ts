// A machine that has much to say: a simulated one that goes on talking once it is up.
import type { MachineDriver } from '../../src/lab/machines/driver.ts'
import { SerialLine } from '../../src/lab/machines/serial-line.ts'
import { createSimulatedDriver } from '../../src/lab/machines/simulated/simulated.ts'

const betweenMs = 10

/** A driver of machines that print a text once they are up: once, or for as long as they are on. */
export function createTalkingDriver(text: string, { forEver = false } = {}): MachineDriver {
  // The boot log takes as long as a client needs to attach on a busy computer.
  const driver = createSimulatedDriver({ lineDelayMs: 150 })
  return {
    ...driver,
    async powerOn(spec) {
      const machine = await driver.powerOn(spec)
      const { serial } = machine
      let timer: NodeJS.Timeout | undefined
      const listen = (bytes: Buffer) => {
        if (!bytes.includes('machine is up') || !(serial instanceof SerialLine)) return
        serial.off('data', listen)
        timer = setInterval(() => {
          serial.print(text)
          if (!forEver) clearInterval(timer)
        }, betweenMs)
      }
      serial.on('data', listen)
      void machine.off.then(() => clearInterval(timer))
      return machine
    },
  }
}
