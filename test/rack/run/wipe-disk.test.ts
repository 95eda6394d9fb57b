// A wipe with a real iPXE, Linux and disk: the script of examples/wipe.yml, on Debian's kernel with busybox.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { Lan, needsLan, rackAddress } from '../netboot/lan.ts'
import { kernel, makeWipingInitrd, needsKernel } from '../netboot/linux.ts'
import { addBoard } from './boards.ts'
import { RackProgram } from './rack-program.ts'

const mac = '52:54:00:aa:00:05'
const skip = needsLan().skip || needsKernel().skip || needs('socat', 'curl').skip
const sizeBytes = 16 * 1024 ** 2

/** The example's script, which the system runs. */
function readExample(): string {
  const { files } = parse(readFileSync('examples/wipe.yml', 'utf8'))
  return files[0].contents
}

test(
  'the script of the example empties a disk before anybody gets its machine',
  { skip, timeout: 240_000 },
  async () => {
    await using lan = await new Lan().open()
    const { folder, rackHost } = lan
    const initrd = makeWipingInitrd(folder, { script: readExample(), address: '10.77.0.50/24' })
    execFileSync('cp', [kernel, join(folder, 'kernel')])
    rackHost.start('busybox', 'httpd', '-f', '-p', `${rackAddress}:8000`, '-h', folder)
    const script = [
      '#!ipxe',
      `kernel http://${rackAddress}:8000/kernel console=\${wipe-console} quiet metalkit.report=\${wipe-report}`,
      `initrd http://${rackAddress}:8000/${initrd}`,
      'boot',
      '',
    ]
    writeFileSync(join(folder, 'wipe.ipxe'), script.join('\n'))
    const disk = join(folder, 'disk')
    writeFileSync(disk, Buffer.alloc(sizeBytes, 'a secret\n'))
    const card = [
      '-device',
      'sdhci-pci',
      '-drive',
      `if=none,id=d0,format=raw,file=${disk}`,
      '-device',
      'sd-card,drive=d0',
    ]
    const options = { name: 'r1', mac, firmware: 'bios', by: 'commands', port: 0, tty: 'ttyS0', more: card } as const
    await using board = await addBoard(lan, options)
    const network = { address: rackAddress }
    const file = { network, plans: { small: {} }, wipe: { script: 'wipe.ipxe' }, machines: [board.section] }
    await using rack = new RackProgram({ folder, before: rackHost.before }, file)
    await rack.start()
    const { json: device } = await rack.create()
    await waitUntil(
      () => board.machine.isOn,
      (isOn) => isOn,
    )
    await rack.call('DELETE', `/devices/${device.id}`)
    await rack.waitForState(device.id, 'gone')
    expect(readFileSync(disk).includes('a secret')).toBe(true)
    const next = await waitUntil(
      async () => {
        await setTimeout(500)
        const answer = await rack.create()
        if (answer.status !== 201) expect(answer.status).toBe(422)
        return answer
      },
      ({ status }) => status === 201,
      180_000,
    ).catch((cause: unknown) => {
      throw new Error(`${board.text()}\n${rack.log}`, { cause })
    })
    expect(next.status).toBe(201)
    expect(board.text()).toMatch(/wipe: mmcblk0[^]*wipe: done/)
    expect(readFileSync(disk).every((byte) => byte === 0)).toBe(true)
  },
)
