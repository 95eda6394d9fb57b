// An x86_64 machine of QEMU: BIOS or UEFI, the iPXE of its network card, and what that boots.
import type { Reporter } from '../../io.ts'
import type { Accelerator } from './accelerator.ts'
import type { MachineSpec, PoweredMachine } from './driver.ts'
import { openNameless } from './nameless-file.ts'
import { pathOfFile, type QemuFiles, serconPort, type Uefi, x86Args } from './qemu-args.ts'
import { forwardPort } from './qemu-forward.ts'
import { lossOf, startQemu } from './qemu-process.ts'
import { SerialLine } from './serial-line.ts'

/** QEMU for these machines. */
export const x86Program = 'qemu-system-x86_64'

/** Switches one on. @throws LabError where QEMU cannot be started */
export async function powerOnX86(
  spec: MachineSpec,
  parts: { accelerator: Accelerator; files: QemuFiles; uefi: Uefi | undefined; hint: string; report: Reporter },
): Promise<PoweredMachine> {
  const { accelerator, files, uefi, hint, report } = parts
  const serial = new SerialLine()
  await using sercon = await openNameless()
  await sercon.writeFile(serconPort)
  const args = x86Args(spec, accelerator, files, uefi ?? { sercon: pathOfFile(0) })
  const qemu = await startQemu({ program: x86Program, args, fds: [sercon.fd], hint }, serial, report)
  const off = qemu.exit.then((exit) => {
    serial.hangUp()
    return lossOf(exit)
  })
  return {
    serial,
    off,
    sendBreak: () => qemu.sendBreak(),
    forward: (guestPort, hostPort) => forwardPort(qemu.qmp, guestPort, hostPort),
    async [Symbol.asyncDispose]() {
      qemu.kill()
      await off
    },
  }
}
