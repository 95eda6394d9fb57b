// Machines without QEMU: they follow the boot script as iPXE would, look at what they were given, and play a small system.
import { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

import type { MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from './driver.ts'
import { download } from './ipxe-download.ts'
import { runIpxe } from './ipxe-interpreter.ts'
import { bootLog, hasSerialConsole } from './simulated-linux.ts'
import { SimulatedShell } from './simulated-shell.ts'
import type { Departure } from './simulated-shell.ts'

/** What may wait unread on a serial line; what is more is lost, as on a wire. */
const serialBufferBytes = 1 << 20

/** A serial line whose far end is functions. */
class SimulatedSerial extends Duplex {
  /** Gets what is typed. */
  onType: ((bytes: Buffer) => void) | undefined

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.onType?.(bytes)
    done()
  }

  /** Prints with the line ends of a terminal. */
  print(text: string): void {
    if (this.readableLength < serialBufferBytes) this.push(text.replaceAll('\n', '\r\n'))
  }

  /** The machine is off: nothing is printed or taken any more. */
  hangUp(): void {
    this.onType = undefined
    this.push(null)
    this.end()
  }
}

/** Never fulfilled: a machine that shows an error stays on until it is switched off. */
function stay(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(signal.reason instanceof Error ? signal.reason : new Error('switched off'))
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}

/** Plays the system that was booted until it powers off or reboots. Without a console on this line it cannot be seen or typed to. */
async function runSystem(
  spec: MachineSpec,
  serial: SimulatedSerial,
  boot: Parameters<typeof bootLog>[1],
  initrds: Parameters<typeof bootLog>[2],
  lineDelayMs: number,
  signal: AbortSignal,
): Promise<Departure> {
  if (!hasSerialConsole(spec.arch, boot.commandLine)) return await stay(signal)
  const { lines, panics } = bootLog(spec, boot, initrds)
  for (const line of lines) {
    await sleep(lineDelayMs, undefined, { signal })
    serial.print(`${line}\n`)
  }
  if (panics) return await stay(signal)
  await sleep(lineDelayMs, undefined, { signal })
  serial.print(`\nsimulated machine is up: ${spec.hostname}\n`)
  const departed = new Promise<Departure>((resolve) => {
    const shell = new SimulatedShell({ ...spec, commandLine: boot.commandLine }, (text) => serial.print(text), resolve)
    serial.onType = (bytes) => shell.type(bytes)
  })
  const departure = await Promise.race([departed, stay(signal)])
  serial.onType = undefined
  serial.print(`[   60.000000] reboot: ${departure === 'poweroff' ? 'Power down' : 'Restarting system'}\n`)
  return departure
}

/** From power on to power off, through any number of reboots. Rejects where the plug is pulled. */
async function runMachine(
  spec: MachineSpec,
  serial: SimulatedSerial,
  lineDelayMs: number,
  signal: AbortSignal,
): Promise<void> {
  const print = (text: string) => serial.print(text)
  for (;;) {
    await sleep(lineDelayMs, undefined, { signal })
    print(`\nSimulated firmware, ${spec.arch}, ${String(spec.cpus)} CPU, ${String(spec.memoryMib)} MiB\n`)
    print(`\niPXE 1.x (simulated) -- Open Source Network Boot Firmware\nFeatures: HTTP bzImage Script\n`)
    print(`Configuring (net0 ${spec.mac})...... ok\nnet0: 10.0.2.15/255.255.255.0 gw 10.0.2.2\n`)
    print(`Filename: ${spec.bootUrl}\n`)
    const outcome = await runIpxe(spec.bootUrl, { ...spec, print, download }, signal)
    if (outcome.kind === 'shell') return await stay(signal)
    if (outcome.kind !== 'boot') {
      if (outcome.kind === 'failed') print(`Could not boot image: ${outcome.error}\n`)
      print(
        'No more network devices\n\nBooting from Hard Disk...\nBoot failed: could not read the boot disk\n\nNo bootable device.\n',
      )
      return await stay(signal)
    }
    const departure = await runSystem(spec, serial, outcome.kernel, outcome.initrds, lineDelayMs, signal)
    if (departure === 'poweroff') return
  }
}

/**
 * A driver of simulated machines. `lineDelayMs` is the pause before each line of the boot log: long enough for a client to
 * reach the console, which keeps nothing, before the machine is up.
 */
export function createSimulatedDriver({ lineDelayMs = 100 } = {}): MachineDriver {
  return {
    kind: 'simulated',
    powerOn(spec: MachineSpec): Promise<PoweredMachine> {
      const serial = new SimulatedSerial()
      const plug = new AbortController()
      const off = runMachine(spec, serial, lineDelayMs, plug.signal)
        .then(
          (): PowerLoss => ({ reason: 'poweroff' }),
          (error: unknown): PowerLoss =>
            plug.signal.aborted
              ? { reason: 'switched-off' }
              : { reason: 'failed', detail: error instanceof Error ? error.message : String(error) },
        )
        .then((loss) => {
          serial.hangUp()
          return loss
        })
      return Promise.resolve({
        serial,
        off,
        async [Symbol.asyncDispose]() {
          plug.abort()
          await off
        },
      })
    },
  }
}
