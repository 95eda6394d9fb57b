import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  describeRouterOptions,
  dnsmasqOptions,
  iscOptions,
  keaOptions,
  mikrotikOptions,
} from '../../../src/rack/netboot/router-options.ts'
import { needs } from '../../helpers/needs.ts'

const options = {
  address: '10.77.0.10',
  macs: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'],
  scriptUrl: 'http://10.77.0.10:7071/boot/mac/',
  filesUrl: 'http://10.77.0.10:7071/ipxe/',
}

describe('the options for a router', () => {
  test('are valid to dnsmasq', needs('dnsmasq'), () => {
    const folder = mkdtempSync(join(tmpdir(), 'metalkit-router-'))
    try {
      const file = join(folder, 'dnsmasq.conf')
      writeFileSync(file, `${dnsmasqOptions(options)}\n`)
      execFileSync('dnsmasq', ['--test', '-C', file], { stdio: 'pipe' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('are in the document as they are printed', () => {
    const example = {
      address: '192.168.1.10',
      macs: ['0c:c4:7a:00:00:01'],
      scriptUrl: 'http://192.168.1.10:7071/boot/mac/',
      filesUrl: 'http://192.168.1.10:7071/ipxe/',
    }
    const document = readFileSync(join(import.meta.dirname, '../../../docs/rack.md'), 'utf8')
    expect(document).toContain(dnsmasqOptions(example))
  })

  test('are the same in every notation: each file for its architectures, for these machines', () => {
    for (const text of [dnsmasqOptions, iscOptions, keaOptions].map((write) => write(options))) {
      for (const file of ['undionly.kpxe', 'snponly.efi', 'snponly-arm64.efi']) expect(text).toContain(file)
      expect(text).toContain('http://10.77.0.10:7071/boot/mac/${mac:hexhyp}')
      expect(text).toContain('http://10.77.0.10:7071/ipxe/snponly.efi')
      expect(text).toContain('HTTPClient')
    }
    expect(iscOptions(options)).toContain('if hardware = 1:52:54:00:aa:00:01 or hardware = 1:52:54:00:aa:00:02 {')
    expect(JSON.parse(`[${keaOptions(options)}]`)).toHaveLength(6)
    expect(mikrotikOptions(options)).toContain('code=60 matching-type=substring value="PXEClient:Arch:00007"')
  })

  test('are shown with a heading for each kind of router', () => {
    const titles = [...describeRouterOptions(options).matchAll(/^# (\w+)/gm)].map((match) => match[1])
    expect(titles).toEqual(['dnsmasq', 'ISC', 'Kea', 'MikroTik', 'other'])
  })
})
