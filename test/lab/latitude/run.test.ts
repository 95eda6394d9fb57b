import { spawn } from 'node:child_process'
import { once } from 'node:events'

import { expect, test } from 'vitest'

import { makeFolder } from '../../helpers/folder.ts'
import { makeImage } from '../../helpers/image.ts'
import { findFreePort } from '../../helpers/port.ts'
import { program } from '../../helpers/program.ts'

test('run latitude boots an image in a lab, shows its console and deletes the server, in one line', async () => {
  using folder = makeFolder()
  await using image = await makeImage()
  const origin = `127.0.0.1:${await findFreePort()}`
  const own = [process.execPath, program]
  const run = ['run', 'latitude', '-serve', origin, '-base-url', `http://${origin}`, '-wait-for', 'machine is up']
  const words = [program, 'lab', '--cloud', 'latitude', '--', ...own, ...run, '-timeout', '3m', image.prefix]
  const child = spawn(process.execPath, words, {
    env: { PATH: process.env['PATH'], XDG_STATE_HOME: folder.path, HOME: folder.path, METAL_LAB_MACHINES: 'simulated' },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
  const [code]: unknown[] = await once(child, 'close')
  expect([code, code === 0 ? '' : text]).toEqual([0, ''])
  expect(text).toMatch(/simulated machine is up: mk-\w{25}/)
  expect(text).toMatch(/The machine sv_\w{13} is deleted/)
}, 240_000)
