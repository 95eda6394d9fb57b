// The table of the API's calls: one source for the page and docs/lab.md, held to the routes.
import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { unimplementedRoutes } from '../../../src/lab/api/unimplemented.ts'
import { coverage } from '../../../src/lab/page/coverage.ts'

/** The paths of each row that is not implemented. */
const missing: Readonly<Record<string, RegExp>> = {
  'VLANs, VLAN assignments and other changes of ports': /^\/virtual-networks|\/virtual-networks$|^\/ports\//,
  'Metal Gateways': /metal-gateways(?!.*bgp)/,
  'VRFs and their routes': /vrfs(?!.*bgp)|^\/routes/,
  'connections and virtual circuits': /connections|^\/virtual-circuits/,
  'BGP changes, neighbors and ranges': /bgp/,
  'reservations of hardware in detail, spot market requests, price history':
    /^\/hardware-reservations|self-service|spot-market-requests|^\/market/,
  'further users, emails, memberships, invitations, passwords':
    /^\/users|^\/user\/otp|emails?$|^\/emails|memberships|(?<!organ.*)invitations|password/,
  'changes of organizations, payment methods, invoices, licenses, transfers, support requests, incidents':
    /^\/organizations(\/\{id\}(\/customdata|\/invitations)?)?$|payment-methods|invoices|licenses|transfers|support|incidents/,
  'firmware sets, traffic, operating system versions, screenshots': /firmware-sets|traffic|operating-system-versions/,
}

test('docs/lab.md has the rows that the page shows', async () => {
  const text = await readFile(new URL('../../../docs/lab.md', import.meta.url), 'utf8')
  const table = /\| calls \| in the lab \|\n\|---\|---\|\n((?:\|.*\|\n)+)/.exec(text)?.[1] ?? ''
  expect(table.trim().split('\n')).toEqual(coverage.map(({ calls, inLab }) => `| ${calls} | ${inLab} |`))
})

test('every call that answers 501 is in exactly one row that says so', () => {
  const rows = coverage.filter(({ inLab }) => inLab === '501').map(({ calls }) => calls)
  expect(Object.keys(missing)).toEqual(rows)
  for (const [pattern] of unimplementedRoutes) {
    const [, path = ''] = pattern.split(' ')
    const found = Object.entries(missing).filter(([, paths]) => paths.test(path))
    expect([path, found.map(([calls]) => calls)]).toEqual([path, [expect.any(String)]])
  }
  for (const [calls, paths] of Object.entries(missing)) {
    const has = unimplementedRoutes.some(([pattern]) => paths.test(pattern.split(' ')[1] ?? ''))
    expect([calls, has]).toEqual([calls, true])
  }
})
