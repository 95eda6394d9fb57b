// A talkative machine: a simulated machine that keeps printing once it is up.
import type { MachineDriver } from '../../src/lab/machines/driver.ts'
import { SerialLine } from '../../src/lab/machines/serial-line.ts'
import { attendedMachines } from './lab.ts'

const betweenMs = 10

/** A driver for machines that print a text when they are up, either once or repeatedly while they are on. */
export function createTalkingDriver(text: string, { forEver = false } = {}): MachineDriver {
  const driver = attendedMachines()
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
