// Network boot beside DHCP servers of several kinds: one on the same computer, one that names boot files, one that is not there.
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeServers } from '../../../src/rack/netboot/dhcp-servers.ts'
import { dnsmasqOptions } from '../../../src/rack/netboot/router-options.ts'
import { describeNetbootStep } from '../../../src/rack/netboot/steps.ts'
import { Lan, needsLan, rackAddress, routerAddress } from './lan.ts'

const base = `http://${rackAddress}:7070`
const mac = '52:54:00:aa:00:01'
const timeout = 300_000
const script = '#!ipxe\necho the script runs\nshell\n'
const pages = { '/boot.ipxe': { text: script }, '/boot/mac/52-54-00-aa-00-01': { text: script } }

/** A LAN that the test's end takes away. */
async function openLan(...options: Parameters<Lan['open']>): Promise<Lan> {
  const lan = new Lan()
  onTestFinished(() => lan[Symbol.asyncDispose]())
  return lan.open(...options)
}

describe('network boot', needsLan(), () => {
  test('works beside a DHCP server on the same computer, whose clients go on renewing their leases', async () => {
    const lan = await openLan('no DHCP')
    await lan.startDhcp(lan.rackHost, rackAddress, ['bind-interfaces', 'interface=eth0'])
    const rack = await lan.startRack({ macs: [mac], pages })
    expect(rack.isShared).toBe(true)
    await rack.tell({ do: 'arm', mac, script: `${base}/boot.ipxe` })
    const machine = lan.powerOn('bios', mac)
    await expect.poll(machine.text, { timeout }).toContain('the script runs')
    await machine.off()
    // A client renews its lease by a request to the server's address, which only one program on its port 67 gets.
    const host = await lan.host(undefined, '52:54:00:cc:00:01')
    const client = host.start('busybox', 'udhcpc', '-f', '-i', 'eth0', '-s', '/bin/true')
    let words = ''
    client.stderr?.on('data', (bytes: Buffer) => (words += bytes.toString()))
    const lease = /lease of (\S+) obtained from 10\.77\.0\.10/g
    await expect.poll(() => words).toMatch(lease)
    const address = [...words.matchAll(lease)][0]?.[1] ?? ''
    // udhcpc's script would set it.
    host.run('ip', 'address', 'add', `${address}/24`, 'dev', 'eth0')
    client.kill('SIGUSR1')
    await expect.poll(() => [...words.matchAll(lease)].length).toBe(2)
    expect(words).toContain('sending renew')
    // Nobody answered a request that has to be broadcast.
    expect(words).not.toContain('broadcasting renew')
  })

  test('with dhcp: none follows the options for the router, and answers no DHCP request', async () => {
    const places = { address: rackAddress, macs: [mac], scriptUrl: `${base}/boot/mac/`, filesUrl: `${base}/ipxe/` }
    const lan = await openLan(dnsmasqOptions(places).split('\n'))
    const rack = await lan.startRack({ macs: [mac], pages, mode: 'none' })
    await rack.tell({ do: 'arm', mac, script: `${base}/not-used` })
    const sent = await lan.sniff(`udp and src host ${rackAddress} and (port 67 or port 68 or port 4011)`)
    const machine = lan.powerOn('uefi', mac)
    await expect.poll(machine.text, { timeout }).toContain('the script runs')
    expect(rack.steps.map(describeNetbootStep)).toContain('has snponly.efi')
    expect(sent()).toEqual([])
    await machine.off()
  })

  test('tells iPXE its script where a simple router names the same boot file for everyone', async () => {
    const lan = await openLan([`dhcp-boot=undionly.kpxe,,${rackAddress}`])
    const rack = await lan.startRack({ macs: [mac], pages })
    await rack.tell({ do: 'arm', mac, script: `${base}/boot.ipxe` })
    const machine = lan.powerOn('bios', mac)
    await expect.poll(machine.text, { timeout }).toContain('the script runs')
    await machine.off()
  })

  test('needs a right to its ports, and says which', async () => {
    const lan = await openLan('no DHCP')
    lan.rackHost.run('sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=1024')
    const started = lan.startRack({}, lan.rackHost, ['setpriv', '--bounding-set=-all', '--inh-caps=-all'])
    await expect(started).rejects.toThrow(
      'rack: cannot listen on 10.77.0.10:67/udp for DHCP requests: this user is not allowed to use port 67; allow it with "sudo sysctl net.ipv4.ip_unprivileged_port_start=67"',
    )
  })
})

describe('the DHCP servers of a network', needsLan(), () => {
  test('are found, with the settings that stop machines from booting', async () => {
    const lan = await openLan(['dhcp-boot=pxelinux.0,,10.77.0.5', 'dhcp-option-force=option:vendor-class,PXEClient'])
    const proxy = await lan.host('10.77.0.30', '52:54:00:cc:00:02')
    await lan.startProxyDhcp(proxy, '10.77.0.30')
    const rack = await lan.startRack({ macs: [mac] })
    const printed = await rack.tell({ do: 'hear', address: rackAddress })
    const heard = printed.find((one) => one.heard !== undefined)?.heard ?? []
    expect(heard.map(({ address }) => address).toSorted()).toEqual([routerAddress, '10.77.0.30'])
    expect(heard.find(({ address }) => address === routerAddress)).toEqual({
      address: routerAddress,
      offered: expect.stringMatching(/^10\.77\.0\.[12]\d\d$/),
      bootFile: 'pxelinux.0',
      bootServer: '10.77.0.5',
      isPxe: true,
    })
    expect(describeServers(heard, rackAddress).toSorted()).toEqual([
      'DHCP server 10.77.0.1: it names the boot file "pxelinux.0" on 10.77.0.5, which machines may load in place of this rack\'s; it claims to be a PXE server (option 60): ROMs ask it on port 4011 and fail with PXE-E55; remove the option',
      'ProxyDHCP server 10.77.0.30: two ProxyDHCP servers compete for machines: switch one off',
    ])
  })

  test('are missed', async () => {
    const lan = await openLan('no DHCP')
    const rack = await lan.startRack({ macs: [mac] })
    const printed = await rack.tell({ do: 'hear', address: rackAddress })
    const heard = printed.find((one) => one.heard !== undefined)?.heard
    expect(heard).toEqual([])
    expect(describeServers([], rackAddress)).toEqual([
      'no DHCP server answered: machines get no address, and cannot boot from the network',
    ])
  })
})
