// The golden files are linuxkit's own output for these inputs.
import { readdir, readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { bootScript, type BootScript, initrdName, kernelName, scriptName } from '../../src/ipxe/script.ts'

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
  ['aarch64-trailing-slash', { arch: 'aarch64', baseUrl: 'http://boot.example.com/', cmdline: 'console=ttyAMA0' }],
]

it.each(rows)('%s.ipxe', async (file, script) => {
  expect(bootScript({ ...common, ...script })).toBe(await readFile(new URL(`${file}.ipxe`, golden), 'utf8'))
})

it('every golden file has a row', async () => {
  expect(await readdir(golden)).toEqual(rows.map(([file]) => `${file}.ipxe`).toSorted())
})

it('names an image’s files', () => {
  expect([kernelName('a'), initrdName('a'), scriptName('a')]).toEqual([
    'a-kernel',
    'a-initrd.img',
    'a-equinixmetal.ipxe',
  ])
})
