// A boot server for these tests: it serves iPXE scripts over HTTP and records the requests.
import { createServer } from 'node:http'
import { close, listen } from '../helpers/port.ts'

/** A program that iPXE starts as a network boot program: switches the machine off (PM1a_CNT of QEMU's q35). */
export const poweroffProgram = Buffer.from('ba0406b80020eff4ebfd', 'hex')

/** Resets the machine (the chipset's port 0xcf9). */
export const resetProgram = Buffer.from('baf90cb006eef4ebfd', 'hex')

/** A boot sector that prints `booted from the disk` and switches the machine off. */
const bootSector = Buffer.alloc(512)
bootSector.write('31c08ed8be1c7cb40eac84c07404cd10ebf7ba0406b80020eff4ebfd', 'hex')
bootSector.write('booted from the disk\r\n', 28, 'latin1')
bootSector.writeUInt16LE(0xaa55, 510)

/** Writes that sector to the first disk (int 13h, AH=3, from 512 bytes behind its own start), and resets the machine. */
export const installerProgram = Buffer.concat([
  Buffer.from('31c08ec0bb007eb90100ba8000b80103cd13baf90cb006eef4ebfd'.padEnd(1024, '0'), 'hex'),
  bootSector,
])

/**
 * A network boot program that prints a text on the screen, and halts. The firmware mirrors the screen to the serial line, the last
 * characters from its timer, so interrupts stay on.
 */
export function sayProgram(text: string): Buffer {
  return Buffer.concat([
    Buffer.from('31c08ed8be167cb40eac84c07404cd10ebf7fbf4ebfc', 'hex'),
    Buffer.from(`${text}\r\n\0`),
  ])
}

/** A bzImage (Documentation/arch/x86/boot.rst) whose real-mode part prints a text on the screen, and halts. */
export function sayBzImage(text: string): Buffer {
  const kernel = Buffer.alloc(2048)
  kernel.writeUInt8(1, 0x1f1) // sectors of the real-mode part, except for the first
  kernel.writeUInt32LE(64, 0x1f4) // size of the rest, in 16 bytes
  kernel.writeUInt16LE(0xaa55, 0x1fe)
  kernel.writeUInt16LE(0x7eeb, 0x200) // jmp 0x280
  kernel.write('HdrS', 0x202, 'latin1')
  kernel.writeUInt16LE(0x0200, 0x206)
  kernel.writeUInt8(1, 0x211) // the rest is loaded high
  kernel.write('beb002b40eac84c07404cd10ebf7fbf4ebfc', 0x280, 'hex')
  kernel.write(`${text}\r\n\0`, 0x2b0, 'latin1')
  return kernel
}

/** An arm64 Image: its header, and the instructions given. */
function arm64Image(...instructions: number[]): Buffer {
  const image = Buffer.alloc(64 + 4 * instructions.length)
  image.writeUInt32LE(0x14000010, 0) // b 64
  image.writeBigUInt64LE(0x80000n, 8)
  image.writeBigUInt64LE(0x1000n, 16)
  image.write('ARM\u0064', 56, 'latin1')
  for (const [index, instruction] of instructions.entries()) image.writeUInt32LE(instruction, 64 + 4 * index)
  return image
}

/** A kernel that calls the firmware (PSCI by hvc) with the number given. */
function arm64Program(call: number): Buffer {
  return arm64Image(
    0x52800000 | (call << 5), // mov w0, call
    0x72b08000, // movk w0, 0x8400, lsl 16
    0xd4000002, // hvc 0
    0x14000000, // b .
  )
}

/** A kernel that prints a text on ttyAMA0, and halts. */
export function arm64SayProgram(text: string): Buffer {
  const program = arm64Image(
    0xd2a12002, // mov x2, 0x9000000, the PL011 of QEMU's virt
    0x100000e1, // adr x1, the text, 28 bytes on
    0x38401420, // ldrb w0, [x1], 1
    0x34000060, // cbz w0, 3 on
    0xb9000040, // str w0, [x2]
    0x17fffffd, // b 3 back
    0xd503207f, // wfi
    0x17ffffff, // b 1 back
  )
  return Buffer.concat([program, Buffer.from(`${text}\r\n\0`)])
}

/** A kernel that switches the machine off. */
export const arm64PoweroffProgram = arm64Program(8)

/** A kernel that resets it. */
export const arm64ResetProgram = arm64Program(9)

/** A kernel for arm64 that unpacks itself (drivers/firmware/efi/libstub/zboot-header.S) around one compressed with gzip. */
export function zbootOf(payload: Buffer, compression = 'gzip'): Buffer {
  const head = Buffer.alloc(0x100)
  head.write('MZ\0\0zimg', 0, 'latin1')
  head.writeUInt32LE(head.length, 8)
  head.writeUInt32LE(payload.length, 12)
  head.write(compression, 24, 'latin1')
  head.writeUInt32LE(0x80, 0x3c)
  head.write('PE\0\0\x64\xaa', 0x80, 'latin1')
  return Buffer.concat([head, payload, Buffer.alloc(64, 0x90)])
}

/** Answers every known path with its text; `asked` records the requested paths in order. */
export async function startBootServer(
  scripts: Record<string, string | Buffer>,
): Promise<AsyncDisposable & { url: string; asked: string[]; scripts: Record<string, string | Buffer> }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const script = scripts[path]
    response.writeHead(script === undefined ? 404 : 200, { 'content-length': Buffer.byteLength(script ?? '') })
    response.end(script)
  })
  return {
    url: `http://127.0.0.1:${await listen(server)}`,
    asked,
    scripts,
    [Symbol.asyncDispose]: () => close(server),
  }
}
