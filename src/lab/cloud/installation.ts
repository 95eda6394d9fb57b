// The installation of a device: from the first provisioning event to `active`, or to a reason why not.
import { completeEvent, connectedEvent, installationSteps } from './device-events.ts'
import { isInstalling } from './device.ts'
import { pauseForStep } from './pace.ts'
import type { PowerParts } from './power-switch.ts'

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
      await pauseForStep(pace, signal)
    }
    if (slug !== 'custom_ipxe' && !installs) {
      return record.fail(`The lab cannot install ${name}: machines in QEMU boot custom_ipxe only`)
    }
    await this.#parts.plugIn(signal)
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

  /** A device whose machine never runs its boot script must fail, because it cannot be deleted before. A silent machine has stalled. */
  #watch(): void {
    const { device, chassis, pace, onOverdue } = this.#parts
    const maxMs = pace.provisioningMs
    const endMs = performance.now() + maxMs
    clearInterval(this.#timer)
    this.#timer = setInterval(
      () => {
        if (!isInstalling(device)) return clearInterval(this.#timer)
        if (performance.now() < endMs) return chassis.checkStall()
        clearInterval(this.#timer)
        const lastOutput = chassis.lastLine === '' ? 'none' : `"${chassis.lastLine}"`
        const stop = chassis.explainStop()
        const seen = stop === undefined ? '' : `: ${stop}`
        onOverdue(`The boot script did not run within ${maxMs / 60_000} minutes${seen}; last output: ${lastOutput}`)
      },
      Math.min(1000, maxMs / 4),
    )
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
