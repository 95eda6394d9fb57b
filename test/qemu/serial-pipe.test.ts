// A lab that gets no processor time for a while loses nothing of a machine's serial output.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { startQemu } from '../../src/lab/machines/qemu/process.ts'
import { SerialLine } from '../../src/lab/machines/serial-line.ts'
import { waitUntil } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { createRecorder } from '../helpers/recorder.ts'

const count = 20_000

/**
 * A boot sector that writes the characters 0 to z again and again to the second serial port. Like Linux (8250_port.c,
 * wait_for_xmitr), it writes a character even if the port stays busy.
 */
const bootSector = Buffer.from(
  [
    [0xfa, 0xb9, count & 0xff, count >> 8, 0xb3, 0x30], // cli; mov cx, count; mov bl, '0'
    [0xba, 0xfd, 0x02, 0xbe, 0x10, 0x27], // next: mov dx, 0x2fd; mov si, 10000
    [0xec, 0xa8, 0x20, 0x75, 0x03, 0x4e, 0x75, 0xf8], // wait: in al, dx; test al, 0x20; jnz send; dec si; jnz wait
    [0xba, 0xf8, 0x02, 0x88, 0xd8, 0xee], // send: mov dx, 0x2f8; mov al, bl; out dx, al
    [0xfe, 0xc3, 0x80, 0xfb, 0x7b, 0x75, 0x02, 0xb3, 0x30], // inc bl; cmp bl, '{'; jne same; mov bl, '0'
    [0xe2, 0xe1, 0xf4, 0xeb, 0xfd], // same: loop next; hlt; jmp hlt
  ].flat(),
).toString('latin1')

const expected = Array.from({ length: count }, (_, index) => String.fromCharCode(0x30 + (index % 75))).join('')

test(
  'output that a machine writes while the lab is stopped arrives complete',
  needs('qemu-system-x86_64'),
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'metalkit-boot-'))
    const disk = join(folder, 'disk')
    await writeFile(disk, `${bootSector.padEnd(510, '\0')}\x55\xaa`, 'latin1')
    const line = new SerialLine()
    let text = ''
    line.on('data', (bytes: Buffer) => {
      // The first output stops the lab, as a busy computer does.
      if (text === '') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000)
      text += bytes.toString('latin1')
    })
    const control = ['-chardev', 'socket,id=control,fd=3', '-mon', 'chardev=control,mode=control']
    const serial = ['-chardev', 'stdio,id=sos,signal=off', '-serial', 'null', '-serial', 'chardev:sos']
    const drive = ['-drive', `file=${disk},format=raw,if=ide`]
    const args = ['-nodefaults', '-display', 'none', '-accel', 'tcg', ...control, ...serial, ...drive]
    const command = { program: 'qemu-system-x86_64', args, fds: [], config: '', hint: '' }
    const qemu = await startQemu(command, line, createRecorder())
    try {
      await waitUntil(
        () => text.length,
        (length) => length >= count,
        20_000,
      ).catch(() => {})
      expect(text).toBe(expected)
    } finally {
      qemu.kill()
      expect(await qemu.exit).toEqual({ reason: 'killed' })
      await rm(folder, { recursive: true })
    }
  },
)
