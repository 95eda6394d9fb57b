import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { archOfPlan, hostArch } from '../src/arch.ts'

describe('archOfPlan', () => {
  test.each([
    ['baremetal_0', 'x86_64'],
    ['baremetal_1e', 'x86_64'],
    ['baremetal_s', 'x86_64'],
    ['c3.small.x86', 'x86_64'],
    ['m3.large.x86', 'x86_64'],
    ['', 'x86_64'],
    ['baremetal_2a', 'aarch64'],
    ['baremetal_2a2', 'aarch64'],
    ['baremetal_2a5', 'aarch64'],
    ['baremetal_hua', 'aarch64'],
    ['c1.large.arm.xda', 'aarch64'],
    ['c2.large.anbox', 'aarch64'],
    ['c3.large.arm64', 'aarch64'],
    ['C3.Large.ARM64', 'aarch64'],
    ['x.large.arm', 'aarch64'],
  ])('%s is %s', (slug, expected) => {
    expect(archOfPlan(slug)).toBe(expected)
  })
})

test('hostArch is the architecture that uname prints', () => {
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()
  expect(hostArch()).toBe(/^(aarch64|arm64)$/.test(machine) ? 'aarch64' : 'x86_64')
})
