// The choice of an accelerator if KVM only half works: a trial finds that out, and a failure after the trial loses no machine.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { chooseAccelerator } from '../../src/lab/machines/qemu/accelerator.ts'
import { createQemuDriver } from '../../src/lab/machines/qemu/qemu.ts'
import { startTestLab, waitForState } from '../helpers/lab.ts'
import { needs } from '../helpers/needs.ts'
import { createRecorder } from '../helpers/recorder.ts'
import { startBootServer } from './boot-server.ts'
import { playHalfKvm } from './half-kvm.ts'
import { nowhere } from '../helpers/nowhere.ts'

const folder = mkdtempSync(join(tmpdir(), 'metalkit-accelerator-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
/** A file that this user may open, in place of KVM's device. */
const kvmPath = join(folder, 'kvm')
writeFileSync(kvmPath, '')
const program = 'qemu-system-x86_64'

describe('the accelerator', needs(program), () => {
  test.each([
    ['missing', `${nowhere}/kvm`, `this computer has no ${nowhere}/kvm`],
    // Not even root may write to it.
    [
      'forbidden',
      '/proc/sys/kernel/random/boot_id',
      'this user is not allowed to open /proc/sys/kernel/random/boot_id',
    ],
    ['no device', folder, `${folder} cannot be opened: EISDIR`],
  ])('is not KVM if that is %s, without a trial', async (_, path, whySlow) => {
    const report = createRecorder()
    const chosen = await chooseAccelerator({ program, version: '7', kvmPath: path, report })
    expect(chosen.accelerator.name).toBe('tcg')
    expect(chosen.whySlow).toContain(whySlow)
    expect(report.lines).toEqual([])
    await expect(chooseAccelerator({ program, version: '7', requested: 'kvm', kvmPath: path, report })).rejects.toThrow(
      `KVM is not available: ${chosen.whySlow}`,
    )
  })

  test.each([
    ['aborts', 'KVM does not start a machine: failed to set MSR 0x10a to 0x69'],
    ['stops', /^KVM stopped a machine in iPXE \(paused\) at ".+"$/],
    ['freezes', /^KVM does not get a machine through iPXE within 8 s: it stalled at ".+"$/],
  ] as const)('is not a KVM that %s, as a trial finds out', { timeout: 60_000 }, async (fault, whySlow) => {
    using _qemu = playHalfKvm(fault)
    const report = createRecorder()
    const chosen = await chooseAccelerator({ program, version: '7', kvmPath, patienceMs: 8000, report })
    expect(chosen.accelerator.name).toBe('tcg')
    expect(chosen.whySlow).toMatch(whySlow)
    expect(report.lines).toEqual([expect.stringMatching(/^testing KVM with a trial machine/)])
  })

  test('is not a KVM whose device is a pipe', { timeout: 60_000 }, async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    using _qemu = playHalfKvm('aborts')
    const chosen = await chooseAccelerator({ program, version: '7', kvmPath: pipe, report: createRecorder() })
    expect(chosen).toMatchObject({
      accelerator: { name: 'tcg' },
      whySlow: expect.stringContaining('KVM does not start'),
    })
  })

  test('is a KVM that gets through iPXE, which is tried once', { timeout: 120_000 }, async () => {
    using _qemu = playHalfKvm('works')
    const verdictPath = join(folder, 'accelerator.json')
    const report = createRecorder()
    const options = { program, version: '7', kvmPath, verdictPath, patienceMs: 90_000, report }
    expect(await chooseAccelerator(options)).toMatchObject({ accelerator: { name: 'kvm' } })
    expect(report.lines).toHaveLength(1)
    expect(await chooseAccelerator(options)).toMatchObject({ accelerator: { name: 'kvm' } })
    expect(report.lines).toHaveLength(1)
    // With another QEMU, or a damaged verdict, the trial is repeated.
    writeFileSync(verdictPath, '{')
    using _other = playHalfKvm('aborts')
    expect(await chooseAccelerator(options)).toMatchObject({ accelerator: { name: 'tcg' } })
    expect(await chooseAccelerator(options)).toMatchObject({ whySlow: expect.stringContaining('failed to set MSR') })
    expect(report.lines).toHaveLength(2)
  })
})

describe('a machine for which KVM fails', { ...needs(program), timeout: 240_000 }, () => {
  test.each([
    ['aborts', 'failed to set MSR'],
    ['stops', /QEMU stopped the machine \(paused\)/],
    ['freezes', /the machine stalled for 5 s at ".+"/],
  ] as const)('because it %s is restarted with TCG and boots, and the lab uses KVM no more', async (fault, why) => {
    using _qemu = playHalfKvm(fault)
    await using server = await startBootServer({ '/x.ipxe': '#!ipxe\necho the script runs\nsleep 600\n' })
    const report = createRecorder()
    const disks = mkdtempSync(join(folder, 'disks-'))
    const driver = await createQemuDriver({ diskFolder: disks, accelerator: 'kvm', kvmPath, stallMs: 5000, report })
    await using lab = await startTestLab({ driver, capacity: { memoryMib: 2 ** 20, cpus: 64 } })
    const body = {
      plan: 'baremetal_0',
      metro: 'ny',
      operating_system: 'custom_ipxe',
      ipxe_script_url: `${server.url}/x.ipxe`,
    }
    const create = async () => (await lab.call('POST', `/projects/${lab.projectId}/devices`, body)).json.id
    const id = await create()
    await waitForState(lab, id, 'active')
    await expect.poll(() => server.asked, { timeout: 60_000 }).toEqual(['/x.ipxe'])
    const told = report.lines.filter((line) => line.startsWith('KVM failed: '))
    expect(told).toEqual([expect.stringMatching(why)])
    expect(
      (await lab.call('GET', `/devices/${id}/events`)).json.events.map(({ type }: { type: string }) => type),
    ).toContain('instance.restarted')
    expect((await lab.call('DELETE', `/devices/${id}`)).status).toBe(204)
    const starts = () => report.lines.filter((line) => line.startsWith('qemu: '))
    expect(starts().map((line) => line.includes('-accel kvm'))).toEqual([true, false])
    await create()
    await expect.poll(() => starts().map((line) => line.includes('-accel kvm'))).toEqual([true, false, false])
  })
})
