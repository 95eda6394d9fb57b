// The golden files are the output of linuxkit for these inputs.
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { latitudeScript as latitude, ociScript as oci } from '../../src/ipxe/cloud-differences.ts'
import {
  bootScript,
  type BootScript,
  filesOf,
  initrdName,
  kernelName,
  scriptName,
  withConsole,
} from '../../src/ipxe/boot-script.ts'

const golden = new URL('../fixtures/golden/', import.meta.url)
const common: BootScript = { name: 'linuxkit', baseUrl: 'http://boot.example.com', arch: 'x86_64', cmdline: '' }

const rows: readonly (readonly [file: string, script: Partial<BootScript>])[] = [
  ['x86_64', { cmdline: 'console=tty0 console=ttyS0' }],
  ['x86_64-ttyS1', { cmdline: 'console=ttyS1,115200 quiet' }],
  ['x86_64-ttyS1-elsewhere', { cmdline: 'quiet earlyprintk console=ttyS10' }],
  ['x86_64-empty-cmdline', {}],
  [
    'x86_64-trailing-slash',
    { name: 'demo-1.2_3', baseUrl: 'http://boot.example.com:8080/images/', cmdline: 'console=ttyS0' },
  ],
  ['x86_64-query', { baseUrl: 'https://boot.example.com/get?token=a&file=', cmdline: 'console=ttyS0' }],
  ['aarch64', { arch: 'aarch64', cmdline: 'console=tty0 quiet' }],
  ['aarch64-ttyAMA0', { arch: 'aarch64', cmdline: 'console=ttyAMA0,115200' }],
  ['aarch64-ttyS1', { arch: 'aarch64', cmdline: 'console=ttyS1' }],
  ['aarch64-empty-cmdline', { arch: 'aarch64' }],
  ['latitude-x86_64', { cloud: latitude, cmdline: 'console=tty0 quiet' }],
  ['latitude-x86_64-ttyS1', { cloud: latitude, cmdline: 'console=ttyS1,115200n8' }],
  ['latitude-aarch64', { cloud: latitude, arch: 'aarch64', cmdline: 'quiet' }],
  ['latitude-empty-cmdline', { cloud: latitude }],
  ['oci-x86_64', { cloud: oci, cmdline: 'console=tty0 quiet' }],
  ['oci-aarch64', { cloud: oci, arch: 'aarch64', cmdline: 'quiet' }],
  ['oci-aarch64-ttyAMA0', { cloud: oci, arch: 'aarch64', cmdline: 'console=ttyAMA0' }],
  ['oci-empty-cmdline', { cloud: oci }],
  ['aarch64-trailing-slash', { arch: 'aarch64', baseUrl: 'http://boot.example.com/', cmdline: 'console=ttyAMA0' }],
]

test.each(rows)('%s.ipxe', async (file, script) => {
  expect(bootScript({ ...common, ...script })).toBe(await readFile(new URL(`${file}.ipxe`, golden), 'utf8'))
})

test('every golden file has a row', async () => {
  expect(await readdir(golden)).toEqual(rows.map(([file]) => `${file}.ipxe`).toSorted())
})

test.each(rows)(
  '%s.ipxe with another console differs in the word that the script adds, and only if it adds one',
  (_, script) => {
    const text = bootScript({ ...common, ...script })
    const adds = text.includes(' serial console=ttyS1,115200 ') && script.cmdline?.includes('console=ttyS1') !== true
    const expected = text.replace(' serial console=ttyS1,115200 ', ' serial console=ttyS0,115200 ')
    expect(withConsole(text, 'ttyS0')).toBe(adds ? expected : undefined)
  },
)

test('the names of the files of an image', () => {
  expect([kernelName('a'), initrdName('a'), scriptName('a')]).toEqual([
    'a-kernel',
    'a-initrd.img',
    'a-equinixmetal.ipxe',
  ])
  expect(filesOf('a')).toEqual(['a-equinixmetal.ipxe', 'a-kernel', 'a-initrd.img'])
  expect([scriptName('a', latitude), scriptName('a', oci)]).toEqual(['a-latitude.ipxe', 'a-oci.ipxe'])
})

describe('a command line that would not arrive unchanged', () => {
  const added = 'ip=dhcp nomodeset ro serial console=ttyS1,115200 '
  const armAdded = 'linuxkit-kernel initrd=initrd root=/dev/ram0 ip=dhcp nomodeset ro '
  const ofBytes = (all: number, before = added) => 'x'.repeat(all - before.length)
  const words = (count: number) => 'w '.repeat(count - added.split(' ').length + 1).trim()

  test.each<[string, Partial<BootScript>]>([
    ['2047 bytes', { cmdline: ofBytes(2047) }],
    ['2047 bytes and spaces', { cmdline: ` ${ofBytes(2047)} ` }],
    ['2047 bytes on aarch64', { arch: 'aarch64', cmdline: ofBytes(2047, armAdded) }],
    ['a long reference', { cmdline: `\${${ofBytes(2500)}}` }],
    ['200 words', { cmdline: words(200) }],
    ['300 words on aarch64', { arch: 'aarch64', cmdline: words(300) }],
    ['non-ASCII letters', { cmdline: 'name=zo\u00eb' }],
  ])('passes %s', (_, script) => {
    expect(bootScript({ ...common, ...script })).toContain(script.cmdline)
  })

  test.each<[Partial<BootScript>, string]>([
    [
      { cmdline: ofBytes(2048) },
      'is 2048 bytes long with the words that the script adds, but the kernel accepts only 2047',
    ],
    [
      { cmdline: `\u00eb${ofBytes(2046)}` },
      'is 2048 bytes long with the words that the script adds, but the kernel accepts only 2047',
    ],
    [
      { cmdline: `console=ttyS1 ${'x'.repeat(2006)}` },
      'is 2048 bytes long with the words that the script adds, but the kernel accepts only 2047',
    ],
    [
      { arch: 'aarch64', cmdline: ofBytes(2048, armAdded) },
      'is 2048 bytes long with the words that the script adds, but the kernel accepts only 2047',
    ],
    [
      { cmdline: `\${${'y'.repeat(4100)}}` },
      'makes a line of 4170 bytes in the iPXE script, but iPXE accepts only 4095',
    ],
    [
      { cmdline: `a=\${x} ${ofBytes(2045)}` },
      'is 2048 bytes long with the words that the script adds, but the kernel accepts only 2047',
    ],
    [{ cmdline: words(201) }, 'has 201 words with those that the script adds, but iPXE accepts only 200'],
    [{ arch: 'aarch64', cmdline: 'name=zo\u00eb' }, 'has "\u00eb" in it, but on aarch64 iPXE passes on only ASCII'],
  ])('refuses %j', (script, why) => {
    expect(() => bootScript({ ...common, ...script })).toThrow(
      expect.objectContaining({ name: 'ImageError', message: `the command line of the image "linuxkit" ${why}` }),
    )
  })
})
