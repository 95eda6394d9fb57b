// Machines without QEMU: they interpret the boot script as iPXE would, inspect the fetched files, and simulate a small system.
import { setTimeout as sleep } from 'node:timers/promises'

import { messageOf } from '../../../errors.ts'
import { installedBootLog, SimulatedLogin } from './installed.ts'
import type { InstalledSystem, MachineDriver, MachineSpec, PoweredMachine, PowerLoss } from '../driver.ts'
import { download } from '../ipxe/download.ts'
import { type BootOutcome, runIpxe } from '../ipxe/interpreter.ts'
import { SerialLine } from '../serial-line.ts'
import { bootLog, hasSerialConsole } from './linux.ts'
import { askHostname, sayUp } from './metadata.ts'
import { type Departure, type ShellMachine, SimulatedShell } from './shell.ts'
import { settleBefore, untilAborted } from '../../../deadline.ts'

/** A running machine; the signal pulls its plug. */
interface SimulatedMachine {
  spec: MachineSpec
  serial: SerialLine
  lineDelayMs: number
  selfTestMs: number
  signal: AbortSignal
}

/**
 * Waits until a session has attached to the console, for at most `selfTestMs`. A real server's self-test takes minutes, and its console
 * has no scrollback: on a busy computer, a quick machine would be up before its client could see that.
 */
async function selfTest({ spec: { attended }, selfTestMs, signal }: SimulatedMachine): Promise<void> {
  if (attended === undefined) return
  await settleBefore<void>({ ms: selfTestMs, late: () => {}, signal }, attended)
}

/** Simulates the booted system until it powers off or reboots. Unless its console is this line, it neither prints nor reads. */
async function runSystem(
  { spec, serial, lineDelayMs, signal }: SimulatedMachine,
  { kernel, initrds }: Extract<BootOutcome, { kind: 'boot' }>,
): Promise<Departure> {
  const { commandLine } = kernel
  if (!hasSerialConsole(spec, commandLine)) return await untilAborted(signal)
  const { lines, panics } = bootLog(spec, kernel, initrds)
  for (const line of lines) {
    await sleep(lineDelayMs, undefined, { signal })
    serial.print(`${line}\n`)
  }
  if (panics) return await untilAborted(signal)
  await sleep(lineDelayMs, undefined, { signal })
  const hostname = (await askHostname(spec.bootUrl, signal)) ?? spec.hostname
  await sayUp(spec.bootUrl, 'simulated machine is up', signal)
  serial.print(`\nsimulated machine is up: ${hostname}\n`)
  const departed = new Promise<Departure>((resolve) => {
    runShell(serial, { ...spec, hostname, commandLine }, resolve)
  })
  return await waitForDeparture(serial, departed, signal)
}

/** Connects the serial line's input with a shell. */
function runShell(serial: SerialLine, machine: ShellMachine, onDeparture: (departure: Departure) => void): void {
  const shell = new SimulatedShell(machine, (text) => serial.print(text), onDeparture)
  serial.onType = (bytes) => shell.type(bytes)
}

/** Simulates a system that boots from the disk: a login, then a shell. */
async function runInstalled(
  { spec, serial, lineDelayMs, signal }: SimulatedMachine,
  system: InstalledSystem,
): Promise<Departure> {
  for (const line of installedBootLog(spec, system)) {
    serial.print(`${line}\n`)
    await sleep(lineDelayMs, undefined, { signal })
  }
  const hostname = (await askHostname(spec.bootUrl, signal)) ?? spec.hostname
  const departed = new Promise<Departure>((resolve) => {
    const print = (text: string) => serial.print(text)
    const login = new SimulatedLogin(hostname, system, print, () =>
      runShell(serial, { ...spec, hostname, commandLine: 'root=/dev/sda1' }, resolve),
    )
    serial.onType = (bytes) => login.type(bytes)
  })
  return await waitForDeparture(serial, departed, signal)
}

/** Waits until the system ends, and reports that on the console. */
async function waitForDeparture(
  serial: SerialLine,
  departed: Promise<Departure>,
  signal: AbortSignal,
): Promise<Departure> {
  const departure = await Promise.race([departed, untilAborted(signal)])
  serial.onType = undefined
  serial.print(`[   60.000000] reboot: ${departure === 'poweroff' ? 'Power down' : 'Restarting system'}\n`)
  return departure
}

/** Runs a machine from power on to power off, through any number of reboots. Rejects if the plug is pulled. */
async function runMachine(machine: SimulatedMachine): Promise<void> {
  const { spec, serial, lineDelayMs, signal } = machine
  const print = (text: string) => serial.print(text)
  for (;;) {
    await selfTest(machine)
    await sleep(lineDelayMs, undefined, { signal })
    print(`\nSimulated firmware, ${spec.arch}, ${spec.cpus} CPU, ${spec.memoryMib} MiB\n`)
    if (spec.system !== undefined) {
      if ((await runInstalled(machine, spec.system)) === 'poweroff') return
      continue
    }
    print(`\niPXE 1.x (simulated) -- Open Source Network Boot Firmware\nFeatures: HTTP bzImage Script\n`)
    print(`Configuring (net0 ${spec.macs[0]})...... ok\nnet0: 10.0.2.15/255.255.255.0 gw 10.0.2.2\n`)
    print(`Filename: ${spec.bootUrl}\n`)
    const outcome = await runIpxe(spec.bootUrl, { ...spec, mac: spec.macs[0], print, download }, signal)
    if (outcome.kind === 'shell') return await untilAborted(signal)
    if (outcome.kind !== 'boot') {
      if (outcome.kind === 'failed') print(`Could not boot image: ${outcome.error}\n`)
      print(
        'No more network devices\n\nBooting from Hard Disk...\nBoot failed: could not read the boot disk\n\nNo bootable device.\n',
      )
      return await untilAborted(signal)
    }
    const departure = await runSystem(machine, outcome)
    if (departure === 'poweroff') return
  }
}

/**
 * Creates a driver of simulated machines. `lineDelayMs` is the pause before each line of the boot log; `selfTestMs` is how long a
 * machine's firmware waits for a session at its console.
 */
export function createSimulatedDriver({ lineDelayMs = 100, selfTestMs = 1000 } = {}): MachineDriver {
  return {
    kind: 'simulated',
    installs: true,
    powerOn(spec: MachineSpec): Promise<PoweredMachine> {
      const serial = new SerialLine()
      const plug = new AbortController()
      const off = runMachine({ spec, serial, lineDelayMs, selfTestMs, signal: plug.signal })
        .then(
          (): PowerLoss => ({ reason: 'poweroff' }),
          (error: unknown): PowerLoss =>
            plug.signal.aborted ? { reason: 'switched-off' } : { reason: 'failed', detail: messageOf(error) },
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
