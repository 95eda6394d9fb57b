// The iPXE script that boots an image. Byte for byte what linuxkit writes: scripts in use must not change.
import { checkCommandLine } from './command-line.ts'
import type { Arch } from '../arch.ts'

/** The inputs of a script. `name` is an image's name without its folder, `cmdline` one line. */
export interface BootScript {
  name: string
  /** Used unchanged, even with a trailing slash. */
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

/**
 * The text of the script; no newline at its end.
 * @throws ImageError if the kernel would not get the whole command line
 */
export function bootScript(script: BootScript): string {
  const { name, arch, cmdline } = script
  const params = arch === 'aarch64' ? `ip=dhcp nomodeset ro ${cmdline}` : x86Params(cmdline)
  checkCommandLine({ name, arch, params, before: arch === 'aarch64' ? `${kernelName(name)} ${aarch64Words}` : '' })
  return arch === 'aarch64' ? aarch64Script(script, params) : x86Script(script, params)
}

// The serial console of Metal's x86 machines is ttyS1, which hardly any image names, so the script does. If the
// image names it, nothing is put between the two spaces.
function x86Params(cmdline: string): string {
  const console = cmdline.includes('console=ttyS1') ? '' : x86Console
  return `${x86Words} ${console} ${cmdline}`
}

const x86Words = 'ip=dhcp nomodeset ro serial'
const x86Console = 'console=ttyS1,115200'

/** The script with another serial console in place of the one that it adds itself; undefined if it adds none. */
export function withConsole(script: string, tty: string): string | undefined {
  const added = new RegExp(`^(set kernel-params ${x86Words} )${x86Console}(?= )`, 'm')
  return added.test(script) ? script.replace(added, `$1console=${tty},115200`) : undefined
}

function x86Script({ name, baseUrl }: BootScript, params: string): string {
  return `#!ipxe

dhcp
set base-url ${baseUrl}
set kernel-params ${params}
kernel \${base-url}/${kernelName(name)} \${kernel-params}
initrd \${base-url}/${initrdName(name)}
boot`
}

const aarch64Words = 'initrd=initrd root=/dev/ram0'

// UEFI machines: the kernel finds its initrd by the name on its command line (ipxe.org/appnote/debian_preseed).
function aarch64Script({ name, baseUrl }: BootScript, params: string): string {
  return `#!ipxe

dhcp
set base-url ${baseUrl}
initrd --name initrd \${base-url}/${initrdName(name)}
set kernel-params ${params}
kernel \${base-url}/${kernelName(name)} ${aarch64Words} \${kernel-params}
boot`
}
