// The fault matrix of `run` in a lab, and of `rm`.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseFaults } from '../../../src/lab/faults/faults.ts'
import { attendedMachines, startTestLab } from '../../helpers/lab.ts'
import { metalCloud } from '../clouds.ts'
import { judge, machinesIn, playCase, publishImage, runFast } from '../world.ts'
import { playTable } from './play.ts'
import { table } from './table.ts'

playTable('a lab', table, metalCloud)

describe('rm', () => {
  let image: Awaited<ReturnType<typeof publishImage>>
  beforeAll(async () => {
    image = await publishImage()
  })
  afterAll(() => image[Symbol.asyncDispose]())

  test.each([
    ['get:500 x1', 0],
    ['delete:422-provisioning x2', 0],
    ['delete:404 x1', 0],
    ['delete:403', 9],
    ['delete:drop-after', 0],
    ['delete:drop-before', 9],
  ])('an id while %s ends with %d', async (text, code) => {
    const { wrongs, ...result } = await playCase(text, image, (id) => ['rm', id], { existing: true })
    expect(wrongs).toEqual([])
    expect(result.code, result.stderr).toBe(code)
  })

  test('if no machine can be deleted, all of them are named', async () => {
    await using lab = await startTestLab({ driver: attendedMachines() })
    const input = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', tags: ['metalkit'] }
    const create = { ...input, ipxe_script_url: `${image.baseUrl}/demo-equinixmetal.ipxe` }
    for (let i = 0; i < 3; i++) await lab.call('POST', `/projects/${lab.projectId}/devices`, create)
    lab.faults.set(parseFaults('delete:500'))
    const ending = await runFast(lab, ['rm', '--older-than', '0s', '--yes'])
    expect(await judge(lab, ending)).toEqual([])
    expect(ending.code).toBe(9)
    expect(ending.stderr.match(/^metalkit: machine: the machine \S+ STILL RUNS/gm)).toHaveLength(3)
    expect(await machinesIn(lab)).toEqual([])
  })
})
