import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { join } from 'node:path'
import { project, readDocument } from './blocks.ts'

const files = readdirSync(join(project, 'examples')).filter((name) => name.endsWith('.yml'))

describe.each(files)('examples/%s', (file) => {
  const text = readDocument(`examples/${file}`)
  const system = parse(text)

  test('has a serial console, an address and sshd, or wipes disks', () => {
    if (file === 'wipe.yml') {
      expect(system.onboot.map(({ name }: { name: string }) => name)).toEqual(['dhcp', 'wipe'])
      return
    }
    const isArm = file.includes('arm64')
    expect(system.kernel.cmdline).toBe(isArm ? 'console=ttyAMA0,115200' : 'console=ttyS1,115200')
    expect(system.kernel.ucode).toBe(isArm ? undefined : 'intel-ucode.cpio')
    const onboot: string[] = system.onboot.map(({ name }: { name: string }) => name)
    expect(onboot.at(-1)).toBe('dhcp')
    expect(onboot[0]).toBe(isArm ? 'network-driver' : 'dhcp')
    expect(system.services.map(({ name }: { name: string }) => name)).toEqual(['console', 'sshd'])
  })

  test('pins each package by its hash or version', () => {
    const images = [...text.matchAll(/linuxkit\/[\w-]+:(\S+)/g)].map((match) => match[1])
    expect(images.length).toBeGreaterThan(5)
    for (const tag of images) expect(tag).toMatch(/^([0-9a-f]{40}|\d+\.\d+\.\d+)$/)
  })
})
