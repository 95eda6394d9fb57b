// The installation of a device: from the first provisioning event to `active`, or to a reason why not.
import { formatDuration } from '../../../text/duration.ts'
import { completeEvent, connectedEvent, installationSteps } from '../device-events.ts'
import { isInstalling } from '../device-state.ts'
import { pause } from '../pace.ts'
import type { PowerParts } from './device-power.ts'

/** The parts of an installation. */
export interface InstallationParts extends PowerParts {
  /** Whether the machine can boot operating systems other than custom_ipxe. */
  installs: boolean
  /** Called with the reason if the boot script has not run in time. */
  onOverdue: (why: string) => void
}

/** Installs a device, again whenever it is run. Disposing it ends the watch for a boot script that never runs. */
export class Installation implements Disposable {
  readonly #parts: InstallationParts
  #timer: NodeJS.Timeout | undefined
  #endMs = 0

  constructor(parts: InstallationParts) {
    this.#parts = parts
  }

  /** Runs the installation up to the point at which the machine is on. */
  async run(signal: AbortSignal): Promise<void> {
    const { device, chassis, record, pace } = this.#parts
    this.#watch()
    const { slug, name } = device.operatingSystem
    const installs = slug !== 'custom_ipxe' && this.#parts.installs
    for (const { type, percentage } of installationSteps(installs)) {
      record.tell(type)
      device.percentage = percentage
      if (type === 'provisioning.102') device.networked = true
      await pause(pace.stepMs, signal)
    }
    if (slug !== 'custom_ipxe' && !installs) {
      return record.fail(`The lab cannot install ${name}: machines in QEMU boot custom_ipxe only`)
    }
    await chassis.plugIn(signal)
    signal.throwIfAborted()
    this.#extend()
    if (installs && chassis.isOn) this.#complete()
  }

  /**
   * The boot script has run on the machine. Provisioning ends here: the service cannot see any further, so it calls the device
   * active although its system has not loaded yet.
   */
  connected(): void {
    const { device, record } = this.#parts
    if (isInstalling(device)) record.tell('provisioning.104')
    record.tell(...connectedEvent)
    device.pxeArmed = false
    if (isInstalling(device)) this.#complete()
  }

  #complete(): void {
    const { device, record } = this.#parts
    record.tell('provisioning.110')
    record.tell(...completeEvent)
    device.percentage = 100
    device.readyAt = new Date().toISOString()
    record.setState('active')
  }

  /** Starts the time limit anew. */
  #extend(): void {
    this.#endMs = performance.now() + this.#parts.pace.provisioningMs
  }

  /**
   * A device whose machine never runs its boot script must fail, because it cannot be deleted before. A silent machine has stalled. The
   * machine has the full time from power on; its driver has the same time to switch it on.
   */
  #watch(): void {
    const { device, chassis, pace, onOverdue } = this.#parts
    this.#extend()
    clearInterval(this.#timer)
    this.#timer = setInterval(
      () => {
        if (!isInstalling(device)) return clearInterval(this.#timer)
        if (performance.now() < this.#endMs) return chassis.checkStall()
        clearInterval(this.#timer)
        onOverdue(this.#explainDelay())
      },
      Math.min(1000, pace.provisioningMs / 4),
    )
  }

  /** Why the installation took too long. */
  #explainDelay(): string {
    const { chassis, pace } = this.#parts
    const limit = `within ${formatDuration(pace.provisioningMs)}`
    if (!chassis.isOn) return `The machine was not switched on ${limit}`
    const lastOutput = `last output: ${chassis.lastLine === '' ? 'none' : `"${chassis.lastLine}"`}`
    const stop = chassis.explainStop()
    const what = `The boot script did not run ${limit}`
    return stop === undefined ? `${what}; ${lastOutput}` : `${what} (${lastOutput}): ${stop}`
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
