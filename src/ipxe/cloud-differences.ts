// How the boot scripts of other clouds differ from Equinix Metal's; boot-script.ts writes them all.
import type { CloudScript } from './boot-script.ts'

/** Servers of one plan have BIOS or UEFI, and the network may need DHCP or be set up already. */
export const latitudeScript: CloudScript = {
  suffix: 'latitude',
  console: { x86_64: 'ttyS1,115200n8', aarch64: 'ttyAMA0,115200n8' },
  isNetworkUp: false,
}

/** The network is up when an instance's own script has reached this one. */
export const ociScript: CloudScript = {
  suffix: 'oci',
  console: { x86_64: 'ttyS0,115200', aarch64: 'ttyAMA0,115200' },
  isNetworkUp: true,
}
