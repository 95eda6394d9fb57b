// What a console shows when a machine will not come up by itself any more.

/** The patterns that end a watched boot unless the user turns them off. */
export const defaultFailures: readonly RegExp[] = [
  /Kernel panic - not syncing/,
  // iPXE, when the script or what it loads could not be run; the link names the error. One that it goes on after, such as a
  // port without a cable, is not among them.
  /Could not (?:boot|select|start download)[^\n]*ipxe\.org\/[0-9a-f]{8}/,
  /Exec format error \(http/,
  // Firmware that has nothing left to try: SeaBIOS and vendors' BIOS, edk2.
  /No bootable (?:device|disk|medi(?:a|um)|option or device)/,
  // Plain words are looked for several times as fast as classes and alternatives are, and these are looked for in all text.
  /No operating system found/,
  /Operating System not found/,
  /Operating system not found/,
]
