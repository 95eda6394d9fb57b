// A signed launch in QEMU: real iPXE runs the instance's script at every boot, with the network already up, and chains on over http.
import { expect, test } from 'vitest'
import { createQemuDriver } from '../../../src/lab/machines/qemu/qemu.ts'
import { bootingPace } from '../../../src/lab/cloud/pace.ts'
import { makeFolder } from '../../helpers/folder.ts'
import { waitUntil } from '../../helpers/lab.ts'
import { needs } from '../../helpers/needs.ts'
import { createRecorder } from '../../helpers/recorder.ts'
import { sayProgram, startBootServer } from '../../qemu/boot-server.ts'
import { startOciLab } from './oci-lab.ts'

const program = 'qemu-system-x86_64'

/** How often the program at the end has started. */
function count(text: string): number {
  return text.split('started from the network').length - 1
}

test('iPXE runs the script at each boot, on the console ttyS0', { ...needs(program), timeout: 120_000 }, async () => {
  using disks = makeFolder()
  await using server = await startBootServer({
    '/ipxe': '#!ipxe\necho chained over http\nchain /say\n',
    '/say': sayProgram('started from the network'),
  })
  const driver = await createQemuDriver({ diskFolder: disks.path, accelerator: 'tcg', report: createRecorder() })
  await using lab = await startOciLab({ driver, pace: bootingPace })
  const ipxeScript = `#!ipxe\nchain --autofree ${server.url}/ipxe\n`
  const { id } = (await lab.launch({ shape: 'BM.Standard2.52', ipxeScript })).json
  const devices = () => lab.devices().map(({ events }) => events.filter(({ body }) => body.includes('DHCP')).length)
  await lab.until(id, 'RUNNING')
  const history = async () => {
    const { json } = await lab.oci('POST', '/instanceConsoleHistories', { instanceId: id })
    const path = `/instanceConsoleHistories/${json.id}`
    await waitUntil(
      () => lab.oci('GET', path),
      (answer) => answer.json.lifecycleState === 'SUCCEEDED',
    )
    return (await lab.oci('GET', `${path}/data?length=100000`)).text
  }
  const first = await waitUntil(history, (text) => count(text) === 1)
  expect(first).toContain('chained over http')
  await lab.oci('POST', `/instances/${id}?action=RESET`)
  await waitUntil(history, (text) => count(text) === 2)
  expect(devices()).toEqual([2])
  expect(server.asked.filter((path) => path === '/ipxe')).toHaveLength(2)
})
