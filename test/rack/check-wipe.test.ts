// rack check looks at the script that empties machines, before a machine that was given back needs it.
import { createServer } from 'node:http'
import { stringify } from 'yaml'
import { expect, test } from 'vitest'
import { RackError } from '../../src/errors.ts'
import { checkWipe, type WipeScript, wipeScriptsOf } from '../../src/rack/check/check-wipe.ts'
import { parseRackFile } from '../../src/rack/file/rack-file.ts'
import { makeFolder } from '../helpers/folder.ts'
import { close, listen } from '../helpers/port.ts'

const never = new AbortController().signal

function forR1(script: string): WipeScript {
  return { script, machines: ['r1'] }
}

async function findingOf(script: string): Promise<{ detail?: string; hint?: string; failed?: true }> {
  try {
    return await checkWipe(forR1(script), never)
  } catch (error) {
    if (!(error instanceof RackError)) throw error
    return { failed: true, detail: error.message, hint: error.hint ?? '' }
  }
}

const held = 'a machine that is given back stays held until it can be wiped'

test('a file is read, as far as its first line', async () => {
  using folder = makeFolder()
  const good = folder.write('wipe.ipxe', '#!ipxe\nshell\n')
  expect(await findingOf(good)).toEqual({ detail: `${good}, for r1` })
  const other = folder.write('wipe.sh', '#!/bin/sh\n')
  expect(await findingOf(other)).toMatchObject({ hint: expect.stringContaining('does not begin with a line "#!ipxe"') })
  const empty = folder.write('empty.ipxe', '')
  expect(await findingOf(empty)).toMatchObject({ hint: expect.stringContaining('does not begin') })
  for (const [path, why] of [
    [`${good}.missing`, 'no such file or directory'],
    [folder.path, 'it is a folder'],
  ] as const) {
    expect(await findingOf(path)).toEqual({
      failed: true,
      detail: `the wipe script "${path}" cannot be read: ${why}`,
      hint: expect.stringContaining(held),
    })
  }
})

test('a URL is loaded, through redirects', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/wipe.ipxe' }).end()
    else if (request.url === '/wipe.ipxe') response.end('#!ipxe\nshell\n')
    else if (request.url === '/page') response.end('<html>'.repeat(2 ** 20))
    else if (request.url === '/cut') request.socket.destroy()
    else response.writeHead(404).end()
  })
  const origin = `http://127.0.0.1:${await listen(server)}`
  for (const path of ['/wipe.ipxe', '/moved']) {
    expect(await findingOf(origin + path)).toEqual({ detail: `${origin}${path}, for r1` })
  }
  expect(await findingOf(`${origin}/page`)).toMatchObject({ hint: expect.stringContaining('does not begin') })
  expect(await findingOf(`${origin}/gone`)).toMatchObject({
    failed: true,
    detail: `the wipe script "${origin}/gone" cannot be loaded: the server answers 404`,
  })
  expect(await findingOf(`${origin}/cut`)).toMatchObject({
    failed: true,
    detail: `the wipe script "${origin}/cut" cannot be loaded: the connection was closed`,
  })
  await close(server)
  expect(await findingOf(`${origin}/wipe.ipxe`)).toMatchObject({
    failed: true,
    detail: expect.stringContaining('cannot be loaded: connection refused'),
    hint: expect.stringContaining(held),
  })
})

function machine(name: string, at: number, more: object) {
  const macs = [`52:54:00:aa:00:0${at}`]
  return { name, plan: 'small', macs, firmware: 'uefi', power: 'by-hand', ...more }
}

test('each script is looked at once, and none of a machine that is not wiped', () => {
  const text = stringify({
    network: { address: '127.0.0.1' },
    plans: { small: {} },
    wipe: { script: 'wipe.ipxe' },
    machines: [
      machine('r1', 1, {}),
      machine('r2', 2, { wipe: false }),
      machine('r3', 3, { wipe: { script: 'http://192.0.2.1/wipe.ipxe' } }),
      machine('r4', 4, {}),
      machine('r5', 5, { inUse: true }),
    ],
  })
  expect(wipeScriptsOf(parseRackFile('/etc/rack/rack.yaml', text))).toEqual([
    { script: '/etc/rack/wipe.ipxe', machines: ['r1', 'r4'] },
    { script: 'http://192.0.2.1/wipe.ipxe', machines: ['r3'] },
  ])
})
