// Console output of a machine that can no longer boot by itself.

/** The patterns that end a watched boot unless --no-default-failures is set. */
export const defaultFailures: readonly RegExp[] = [
  /Kernel panic - not syncing/,
  // iPXE, if it could not run the script or load a file; the link names the error. Errors after which iPXE continues, such as a
  // port without a cable, are excluded.
  /Could not (?:boot|select|start download)[^\n]*ipxe\.org\/[0-9a-f]{8}/,
  /Exec format error \(http/,
  // Firmware with no boot option left: SeaBIOS and vendor BIOSes, edk2.
  /No bootable (?:device|disk|medi(?:a|um)|option or device)/,
  // Plain words are found several times as fast as classes and alternatives, and all output is searched for these.
  /No operating system found/,
  /Operating System not found/,
  /Operating system not found/,
]
