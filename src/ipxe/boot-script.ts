// The iPXE script that boots an image. For Equinix Metal byte for byte what linuxkit writes: scripts in use must not change.
import { checkCommandLine } from './command-line.ts'
import type { Arch } from '../arch.ts'

/** How a script differs for machines of another cloud. */
export interface CloudScript {
  /** Ends the name of its file, before `.ipxe`. */
  suffix: string
  /** The serial console, as the kernel takes it: `ttyS1,115200n8`. */
  console: Readonly<Record<Arch, string>>
  /** Whether the machine has its address when the script runs. */
  isNetworkUp: boolean
}

/** The inputs of a script. `name` is an image's name without its folder, `cmdline` one line. */
export interface BootScript {
  name: string
  /** Used unchanged, even with a trailing slash. */
  baseUrl: string
  arch: Arch
  cmdline: string
  /** Undefined for Equinix Metal. */
  cloud?: CloudScript | undefined
}

/** File name of an image's script. */
export function scriptName(name: string, cloud?: CloudScript): string {
  return `${name}-${cloud?.suffix ?? 'equinixmetal'}.ipxe`
}

/** File name of an image's kernel. */
export function kernelName(name: string): string {
  return `${name}-kernel`
}

/** File name of an image's initrd. */
export function initrdName(name: string): string {
  return `${name}-initrd.img`
}

/** The files that boot an image, the script first. */
export function filesOf(name: string, cloud?: CloudScript): [string, string, string] {
  return [scriptName(name, cloud), kernelName(name), initrdName(name)]
}

/**
 * The text of the script; no newline at its end.
 * @throws ImageError if the kernel would not get the whole command line
 */
export function bootScript(script: BootScript): string {
  const { name, arch, cmdline, cloud } = script
  if (cloud !== undefined) return cloudScript(script, cloud)
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

/**
 * The script for a machine whose iPXE has its address already: it asks for none, and Linux gets the same address (Documentation/admin-guide/nfs/nfsroot.rst
 * of Linux has the form of ip=).
 */
export function withFixedAddress(
  script: string,
  { ip, mask, gateway = '' }: { ip: string; mask: string; gateway?: string | undefined },
): string {
  return script
    .replaceAll(/^dhcp(?: \|\|)?\r?\n/gm, '')
    .replaceAll(/^(set kernel-params .*\b|kernel .*\b)ip=dhcp\b/gm, `$1ip=${ip}::${gateway}:${mask}:::off`)
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

/**
 * A script for BIOS and UEFI: a UEFI kernel finds its initrd by the name on its command line, which a BIOS ignores. A failing
 * dhcp is no reason to stop, since some machines have their address already.
 */
function cloudScript({ name, baseUrl, arch, cmdline }: BootScript, cloud: CloudScript): string {
  const [tty = ''] = cloud.console[arch].split(',')
  const console = cmdline.includes(`console=${tty}`) ? [] : [`console=${cloud.console[arch]}`]
  const params = ['ip=dhcp nomodeset ro', ...console, ...(cmdline === '' ? [] : [cmdline])].join(' ')
  checkCommandLine({ name, arch, params, before: `${kernelName(name)} initrd=initrd` })
  return `#!ipxe

${cloud.isNetworkUp ? '' : 'dhcp ||\n'}set base-url ${baseUrl}
set kernel-params ${params}
kernel \${base-url}/${kernelName(name)} initrd=initrd \${kernel-params}
initrd --name initrd \${base-url}/${initrdName(name)}
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
