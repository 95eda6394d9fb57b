// Checks that a command line passes through iPXE to the kernel intact: the limits of both, and what crashes iPXE.
import { ImageError } from '../errors.ts'
import type { Arch } from '../arch.ts'

/** COMMAND_LINE_SIZE is 2048 on x86 and arm64, with the NUL at its end. */
const kernelBytes = 2047

/** The longest line of a script; Debian's iPXE accepts longer ones, but not every iPXE does. */
const lineBytes = 4095

/**
 * BIOS iPXE puts each word of a line on its 4 KiB stack twice: Debian's of 2019 runs a script of 250 words and crashes at
 * 280, or earlier the deeper scripts are chained.
 */
const biosWords = 200

/**
 * Checks a command line as the script builds it.
 * @param script.params the value of its kernel-params
 * @param script.before the words the kernel gets before it
 * @throws ImageError if part of it would be lost, or would crash iPXE
 */
export function checkCommandLine(script: { name: string; arch: Arch; params: string; before: string }): void {
  const { name, arch, before, params } = script
  const words = params.split(/[ \t]+/).filter((word) => word !== '')
  const refuse = (why: string, hint = 'shorten it') =>
    new ImageError(`the command line of the image "${name}" ${why}`, { hint })
  // Only iPXE knows the values of references, so they are not counted.
  const certain = [before, ...words]
    .filter((word) => word !== '')
    .join(' ')
    .replace(/\$\{.*\}/, '')
  const bytes = Buffer.byteLength(certain)
  if (bytes > kernelBytes) {
    throw refuse(
      `is ${bytes} bytes long with the words that the script adds, but the kernel accepts only ${kernelBytes}`,
    )
  }
  const line = Buffer.byteLength(`set kernel-params ${params}`)
  if (line > lineBytes)
    throw refuse(`makes a line of ${line} bytes in the iPXE script, but iPXE accepts only ${lineBytes}`)
  if (arch === 'x86_64' && words.length > biosWords) {
    throw refuse(`has ${words.length} words with those that the script adds, but iPXE accepts only ${biosWords}`)
  }
  // UEFI takes UTF-16, for which iPXE before 2023 turns each byte into a character.
  const foreign = /[^\0-\x7f]/u.exec(params)
  if (arch === 'aarch64' && foreign !== null) {
    throw refuse(`has "${foreign[0]}" in it, but on aarch64 iPXE passes on only ASCII`, 'write it in ASCII')
  }
}
