import { describe, expect, test } from 'vitest'
import { doubtsAboutBaseUrl, isPrivateHost } from '../../src/ipxe/base-url.ts'

describe('isPrivateHost', () => {
  // The first and the last address of each range, and their neighbours outside it.
  test.each([
    ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['[::1]', '::1', '[::]', '[::2]'],
    ['[fc00::]', '[fdff:ffff:ffff:ffff::1]', '[fbff::1]', '[fe00::]'],
    ['[fe80::]', '[febf:ffff::1]', '[fe7f::1]', '[fec0::]'],
    ['localhost', 'lab.localhost', 'localhost.example.com', 'mylocalhost'],
    ['nas.local', 'a.b.local', 'local', 'nas.local.example.com'],
  ])('%s to %s, neither %s nor %s', (first, last, before, after) => {
    expect([first, last, before, after].map((host) => isPrivateHost(host))).toEqual([true, true, false, false])
  })

  test.each(['boot.example.com', '198.51.100.7', '[2001:db8::1]', '', '10.0.0', '10.example.com', 'x[::1]', '[::1]x'])(
    '%j is not',
    (host) => expect(isPrivateHost(host)).toBe(false),
  )
})

const aboutTls = (url: string) =>
  `machines often fail to fetch from https URLs such as "${url}" (their iPXE lacks TLS or trusts few certificates); prefer http`
const aboutReach = (host: string) =>
  `no machine in a cloud can reach "${host}", which is a private address; pass a public one as --base-url`

describe('doubtsAboutBaseUrl', () => {
  const cloud = 'https://api.equinix.com/metal/v1'
  const lab = 'http://127.0.0.1:7070/metal/v1'
  test.each([
    ['http://198.51.100.7:8080', cloud, []],
    ['http://10.0.0.1:8080', cloud, [aboutReach('10.0.0.1')]],
    ['http://[::1]/x', cloud, [aboutReach('[::1]')]],
    ['https://boot.example.com', cloud, [aboutTls('https://boot.example.com')]],
    ['https://localhost/', cloud, [aboutTls('https://localhost/'), aboutReach('localhost')]],
    ['http://10.0.0.1:8080', lab, []],
    ['http://198.51.100.7', lab, []],
  ])('of %s for %s', (baseUrl, apiUrl, doubts) => {
    expect(doubtsAboutBaseUrl(baseUrl, apiUrl)).toEqual(doubts)
  })
})
