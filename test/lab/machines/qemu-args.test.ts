import { expect, test } from 'vitest'
import { kvm, tcg } from '../../../src/lab/machines/qemu/accelerator.ts'
import type { MachineSpec } from '../../../src/lab/machines/driver.ts'
import { arm64Args, secretConfig, serconPort, x86Args } from '../../../src/lab/machines/qemu/args.ts'

const spec: MachineSpec = {
  id: '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c',
  hostname: 'web1',
  arch: 'x86_64',
  cpus: 2,
  memoryMib: 1024,
  macs: ['0c:c4:7a:00:00:01'],
  bootUrl: 'http://127.0.0.1:7070/boot/4eb1ee2c/auto.ipxe',
}

const sercon = { sercon: '/dev/fd/4' }
const files = { disk: '/state/disks/4eb1.raw', owner: '4711 1234' }

const machine = [
  ['-no-user-config', '-nodefaults', '-display', 'none'],
  ['-name', `metalkit-${spec.id}@4711.1234`, '-uuid', spec.id],
  ['-chardev', 'socket,id=control,fd=3', '-mon', 'chardev=control,mode=control'],
  ['-smp', '2', '-m', '1024'],
].flat()
const disk = [
  ['-drive', 'if=none,id=d0,format=raw,discard=unmap,file=/state/disks/4eb1.raw'],
  ['-device', 'virtio-scsi-pci,id=scsi0', '-device', 'scsi-hd,bus=scsi0.0,drive=d0,bootindex=1'],
].flat()

test('the command line of an x86_64 machine', () => {
  expect(x86Args(spec, tcg, files, sercon)).toEqual(
    [
      machine,
      ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
      ['-set', 'netdev.n0.hostname=web1'],
      ['-chardev', 'stdio,id=sos,signal=off'],
      ['-device', 'virtio-net-pci,netdev=n0,mac=0c:c4:7a:00:00:01,bootindex=0'],
      disk,
      ['-serial', 'null', '-serial', 'chardev:sos'],
      ['-fw_cfg', 'name=etc/sercon-port,file=/dev/fd/4'],
    ].flat(),
  )
})

test('the serial console is the second port, or the first if the cloud has ttyS0', () => {
  const serials = (tty: MachineSpec['tty']) =>
    x86Args({ ...spec, tty }, tcg, files, sercon)
      .join(' ')
      .match(/-serial \S+/g)
  expect(serials(undefined)).toEqual(['-serial null', '-serial chardev:sos'])
  expect(serials('ttyS0')).toEqual(['-serial chardev:sos'])
  expect([serconPort(spec), serconPort({ tty: 'ttyS0' })]).toEqual([Uint8Array.of(0xf8, 2), Uint8Array.of(0xf8, 3)])
})

test.each([
  [
    { kernel: '/dev/fd/4', initrd: '/dev/fd/5', commandLine: 'initrd=i console=ttyAMA0,115200' },
    ['--preconfig', '-kernel', '/dev/fd/4', '-initrd', '/dev/fd/5'],
  ],
  [{ kernel: '/dev/fd/4', initrd: undefined, commandLine: '' }, ['--preconfig', '-kernel', '/dev/fd/4']],
  [{ firmware: '/usr/share/efi.fd' }, ['-bios', '/usr/share/efi.fd']],
])('an aarch64 machine that starts with %j', (start, args) => {
  expect(arm64Args(spec, start, files)).toEqual(
    [
      machine,
      ['-machine', 'virt', '-accel', 'tcg,thread=multi', '-cpu', 'cortex-a57', '-no-reboot', '-S'],
      ['-set', 'netdev.n0.hostname=web1'],
      ['-chardev', 'stdio,id=sos,signal=off'],
      ['-device', 'virtio-net-pci,netdev=n0,mac=0c:c4:7a:00:00:01,romfile='],
      disk,
      ['-serial', 'chardev:sos'],
      args,
    ].flat(),
  )
})

test('UEFI replaces the BIOS arguments', () => {
  const bios = x86Args(spec, tcg, files, sercon)
  const uefi = x86Args(spec, tcg, files, { code: '/c,1.fd', variables: '/v.fd' })
  expect(uefi.slice(0, bios.length - 2)).toEqual(bios.slice(0, -2))
  expect(uefi.slice(bios.length - 2)).toEqual([
    '-drive',
    'if=pflash,format=raw,readonly=on,file=/c,,1.fd',
    '-drive',
    'if=pflash,format=raw,snapshot=on,file=/v.fd',
    '-fw_cfg',
    'name=opt/org.tianocore/IPv4PXESupport,string=n',
    '-fw_cfg',
    'name=opt/org.tianocore/IPv6PXESupport,string=n',
  ])
})

test('KVM uses the processor model of the host', () => {
  const args = x86Args(spec, kvm, files, sercon)
  expect(args.slice(args.indexOf('-accel'), args.indexOf('-set'))).toEqual(['-accel', 'kvm', '-cpu', 'host'])
})

test.each(['a,restrict=on', 'a,', 'a=b', 'a.b', '-a --monitor stdio', 'a\nb'])(
  'the host name %j stays one value',
  (hostname) => {
    const args = x86Args({ ...spec, hostname }, tcg, files, sercon)
    expect(args).toHaveLength(x86Args(spec, tcg, files, sercon).length)
    expect(args[args.indexOf('-set') + 1]).toBe(`netdev.n0.hostname=${hostname}`)
  },
)

test('the boot URL, which contains a secret, is in a file instead of the command line', () => {
  expect(x86Args(spec, tcg, files, sercon).join(' ')).not.toContain(spec.bootUrl)
  expect(secretConfig(spec)).toBe(`[netdev "n0"]\n  type = "user"\n  bootfile = "${spec.bootUrl}"\n`)
  expect(() => secretConfig({ bootUrl: 'http://h/"\nguestfwd="' })).toThrow('contains a quote')
})
