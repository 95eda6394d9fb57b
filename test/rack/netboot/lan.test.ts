// Network boot on a LAN with an independent DHCP server, with firmware and iPXE made by others.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeNetbootStep } from '../../../src/rack/netboot/steps.ts'
import { Lan, type Machine, needsLan, type Rack, rackAddress } from './lan.ts'
import { kernel, linuxSays, makeInitrd, needsKernel } from './linux.ts'

const base = `http://${rackAddress}:7070`
const macs = {
  bios: '52:54:00:aa:00:01',
  undi: '52:54:00:aa:00:02',
  uefi: '52:54:00:aa:00:03',
  http: '52:54:00:aa:00:04',
  unarmed: '52:54:00:aa:00:05',
  host: '52:54:00:aa:00:06',
}
const stranger = '52:54:00:bb:00:01'
const script = `${base}/boot.ipxe`
const timeout = 300_000

// LinuxKit's scripts do not name their initrd on the kernel's line, and need no more on BIOS. Debian 12's iPXE, of 2019, cannot
// hand a UEFI Linux its initrd without.
const biosScript = `#!ipxe\nkernel ${base}/kernel console=ttyS0\ninitrd ${base}/initrd\nboot\n`
const uefiScript = `#!ipxe\nkernel ${base}/kernel initrd=i console=ttyS0\ninitrd --name i ${base}/initrd\nboot\n`

const skip = { skip: needsLan().skip || needsKernel().skip, timeout: 600_000 }

/** Waits until a text is on the console, and shows all of it otherwise. */
async function shows(machine: Machine, text: string): Promise<void> {
  await expect.poll(machine.text, { timeout }).toContain(text)
}

describe('on a LAN with a DHCP server', skip, () => {
  let lan: Lan
  let rack: Rack

  beforeAll(async () => {
    lan = await new Lan().open()
    // As an unprivileged service.
    lan.rackHost.run('sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=67')
    const pages = {
      '/boot.ipxe': { text: '#!ipxe\niseq ${platform} efi && chain /uefi.ipxe || chain /bios.ipxe\n' },
      '/bios.ipxe': { text: biosScript },
      '/uefi.ipxe': { text: uefiScript },
      '/undi.ipxe': { text: `#!ipxe\nchain ${base}/undionly.kpxe\n` },
      '/marker.ipxe': { text: '#!ipxe\necho the script runs\nshell\n' },
      '/undionly.kpxe': { path: '/usr/lib/ipxe/undionly.kpxe' },
      '/kernel': { path: kernel },
      '/initrd': { path: makeInitrd(lan.folder) },
    }
    const unprivileged = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
    rack = await lan.startRack({ macs: Object.values(macs), pages }, lan.rackHost, unprivileged)
  })
  afterAll(async () => lan[Symbol.asyncDispose]())

  const stepsOf = (mac: string) => rack.steps.filter((step) => step.mac === mac).map(describeNetbootStep)

  test("SeaBIOS with its network card's iPXE boots Linux", async () => {
    await rack.tell({ do: 'arm', mac: macs.bios, script })
    const machine = lan.powerOn('bios', macs.bios)
    await shows(machine, linuxSays)
    expect(stepsOf(macs.bios).slice(0, 3)).toEqual([
      'DHCP request from iPXE on BIOS',
      'iPXE on BIOS is offered its script',
      'iPXE on BIOS accepts an address from the DHCP server 10.77.0.1',
    ])
    await machine.off()
  })

  test('undionly.kpxe over the UNDI of a BIOS fetches its script', async () => {
    await rack.tell({ do: 'arm', mac: macs.undi, script: `${base}/undi.ipxe` })
    const machine = lan.powerOn('bios', macs.undi)
    await expect.poll(() => rack.asked, { timeout, interval: 20 }).toContain('GET /undionly.kpxe')
    // The ROM's iPXE has loaded the other, which asks for itself.
    await rack.tell({ do: 'arm', mac: macs.undi, script: `${base}/marker.ipxe` })
    await shows(machine, 'the script runs')
    expect(machine.text()).toContain('using undionly')
    await machine.off()
  })

  test('UEFI PXE boots Linux with snponly.efi', async () => {
    await rack.tell({ do: 'arm', mac: macs.uefi, script })
    const machine = lan.powerOn('uefi', macs.uefi)
    await shows(machine, linuxSays)
    expect(machine.text()).toContain('using SNP')
    expect(stepsOf(macs.uefi)).toEqual(
      expect.arrayContaining([
        'PXE on UEFI x86_64 is offered 52-54-00-aa-00-03/snponly.efi',
        'has snponly.efi',
        'iPXE on UEFI x86_64 is offered its script',
      ]),
    )
    await machine.off()
  })

  test('UEFI HTTP Boot boots Linux with snponly.efi', async () => {
    await rack.tell({ do: 'arm', mac: macs.http, script })
    const machine = lan.powerOn('uefi', macs.http, ['-fw_cfg', 'name=opt/org.tianocore/IPv4PXESupport,string=n'])
    await shows(machine, linuxSays)
    expect(stepsOf(macs.http)).toEqual(
      expect.arrayContaining([
        'UEFI HTTP Boot on UEFI x86_64 is offered http://10.77.0.10:7070/ipxe/52-54-00-aa-00-04/snponly.efi',
        'loads snponly.efi over HTTP',
        'has snponly.efi',
        'iPXE on UEFI x86_64 is offered its script',
      ]),
    )
    await machine.off()
  })

  test('a machine that is not armed, or not of the rack, gets no answer and continues to boot', async () => {
    await rack.tell({ do: 'arm', mac: macs.unarmed, script })
    await rack.tell({ do: 'disarm', mac: macs.unarmed })
    const sent = await lan.sniff(`udp and src host ${rackAddress}`)
    const machines = [lan.powerOn('bios', macs.unarmed), lan.powerOn('bios', stranger)]
    for (const machine of machines) await shows(machine, 'No bootable device')
    expect(sent()).toEqual([])
    // The one is seen, for whoever waits for it; of the other nothing is said.
    expect(stepsOf(macs.unarmed)).toContain('DHCP request from iPXE on BIOS')
    expect(stepsOf(stranger)).toEqual([])
    for (const machine of machines) await machine.off()
  })

  test('TFTP serves iPXE to an armed machine whose MAC the kernel knows, and no other file to anyone', async () => {
    const host = await lan.host('10.77.0.20', macs.host)
    const load = (path: string) => {
      try {
        return host.load(`tftp://${rackAddress}/${path}`)
      } catch {
        return undefined
      }
    }
    const [own, others] = [macs.host, macs.bios].map((mac) => mac.replaceAll(':', '-'))
    await rack.tell({ do: 'arm', mac: macs.bios, script })
    // The folder of an armed machine is no help to one that is not armed.
    expect([`${own}/snponly.efi`, `${others}/snponly.efi`, 'snponly.efi'].map(load)).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    await expect
      .poll(() => stepsOf(macs.host))
      .toEqual(['gets nothing: it asked for snponly.efi, and is not to boot now'])
    await rack.tell({ do: 'arm', mac: macs.host, script })
    for (const name of ['undionly.kpxe', 'snponly.efi']) {
      for (const path of [name, `/${own}/${name}`])
        expect(load(path)?.equals(readFileSync(`/usr/lib/ipxe/${name}`))).toBe(true)
    }
    for (const path of [
      '../../etc/passwd',
      '/etc/passwd',
      'snponly-arm64.efi',
      'autoexec.ipxe',
      `${own}/../snponly.efi`,
    ]) {
      expect([path, load(path)]).toEqual([path, undefined])
    }
    await rack.tell({ do: 'disarm', mac: macs.host })
    expect(load('snponly.efi')).toBeUndefined()
  })
})

test('a LAN leaves no process behind', { ...needsLan() }, async () => {
  const lan = await new Lan().open()
  const pid = lan.router.pid
  await lan[Symbol.asyncDispose]()
  expect(() => execFileSync('kill', ['-0', pid], { stdio: 'ignore' })).toThrow()
})
