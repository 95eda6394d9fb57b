// The addresses of the API: below /metal/v1 as at api.equinix.com, and below / as at api.packet.net.
import { expect, test } from 'vitest'

import { startTestLab } from '../../helpers/lab.ts'

test('the API answers below / as below /metal/v1, beside the page, the boot server and the calls of the lab', async () => {
  await using lab = await startTestLab({
    pageFolder: new URL('../../../src/lab/page/client', import.meta.url).pathname,
  })
  const origin = new URL('/', lab.apiUrl).href
  const ask = async (path: string, headers: Record<string, string> = { 'x-auth-token': lab.token }) =>
    await fetch(`${origin}${path}`, { headers })
  for (const path of ['plans', `projects/${lab.projectId}/devices?page=1`, 'user', '/capacity']) {
    const [short, long] = [await ask(path), await ask(`metal/v1/${path}`)]
    expect([short.status, await short.json()], path).toEqual([200, await long.json()])
  }
  expect((await ask('plans', {})).status).toBe(401)
  expect((await ask('nowhere')).status).toBe(404)
  for (const accept of ['text/html', 'application/json', '*/*']) {
    const page = await ask('', { accept, 'x-auth-token': lab.token })
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  }
  expect(await (await ask('lab/faults')).json()).toEqual({ faults: [] })
  expect(await (await ask('boot/nothing/metadata', {})).json()).toEqual({ message: 'resource not found' })
})
