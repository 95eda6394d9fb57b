// The iPXE script that boots an image. Byte for byte what linuxkit writes: scripts in use must not change under anybody.
import type { Arch } from './arch.ts'

/** What a script is made of. `name` is an image's name without folder, `cmdline` one line. */
export interface BootScript {
  name: string
  /** Kept as it is given, with a slash at its end too. */
  baseUrl: string
  arch: Arch
  cmdline: string
}

/** File name of an image's script. */
export function scriptName(name: string): string {
  return `${name}-equinixmetal.ipxe`
}

/** File name of an image's kernel. */
export function kernelName(name: string): string {
  return `${name}-kernel`
}

/** File name of an image's initrd. */
export function initrdName(name: string): string {
  return `${name}-initrd.img`
}

/** The text of the script; no newline at its end. */
export function bootScript(script: BootScript): string {
  return script.arch === 'aarch64' ? aarch64Script(script) : x86Script(script)
}

// The serial console of Metal's x86 machines is ttyS1, which hardly any image asks for, so the script does. Where the
// image asks itself, nothing stands between the two spaces.
function x86Script({ name, baseUrl, cmdline }: BootScript): string {
  const console = cmdline.includes('console=ttyS1') ? '' : 'console=ttyS1,115200'
  return `#!ipxe

dhcp
set base-url ${baseUrl}
set kernel-params ip=dhcp nomodeset ro serial ${console} ${cmdline}
kernel \${base-url}/${kernelName(name)} \${kernel-params}
initrd \${base-url}/${initrdName(name)}
boot`
}

// UEFI machines: the kernel finds its initrd by the name on its command line (ipxe.org/appnote/debian_preseed).
function aarch64Script({ name, baseUrl, cmdline }: BootScript): string {
  return `#!ipxe

dhcp
set base-url ${baseUrl}
initrd --name initrd \${base-url}/${initrdName(name)}
set kernel-params ip=dhcp nomodeset ro ${cmdline}
kernel \${base-url}/${kernelName(name)} initrd=initrd root=/dev/ram0 \${kernel-params}
boot`
}
