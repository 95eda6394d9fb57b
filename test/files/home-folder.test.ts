import { spawnSync } from 'node:child_process'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stateFolderOf } from '../../src/lab/storage/state-paths.ts'
import { homeFolder, userName } from '../../src/files/home-folder.ts'
import { readConfig } from '../../src/options/config.ts'
import { runToEnd } from '../helpers/io.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'

test('HOME names the folder; without it, the passwd entry does', () => {
  expect(homeFolder({ HOME: '/home/anna' })).toBe('/home/anna')
  expect(homeFolder({})).toBe(userInfo().homedir)
  expect(userName({ USER: 'someone-else' })).toBe(userInfo().username)
})

test.each(['', 'anna', './anna'])('HOME "%s" is an error, not a folder in the current one', async (HOME) => {
  const told = `HOME is "${HOME}", which is not an absolute path`
  expect(() => homeFolder({ HOME })).toThrow(told)
  expect(() => stateFolderOf({ HOME })).toThrow(told)
  await expect(readConfig({ HOME })).rejects.toThrow(told)
})

test('an explicit path does not need HOME', () => {
  expect(stateFolderOf({ HOME: '', XDG_STATE_HOME: '/state' })).toBe('/state/metalkit/lab')
})

test('a user id without a passwd entry and without HOME is not an internal error', needs('unshare'), () => {
  const asStranger = ['--user', '--map-user=54321', 'env', '-i', process.execPath]
  const script = "try { require('os').userInfo() } catch { console.log('no entry') }"
  expect(spawnSync('unshare', [...asStranger, '-e', script], { encoding: 'utf8' }).stdout).toBe('no entry\n')
  const { status, stderr } = spawnSync('unshare', [...asStranger, program, 'ls'], { encoding: 'utf8' })
  expect(stderr).toMatch(/^metalkit: usage: .*token/)
  expect(status).toBe(2)
})

test('a state folder under a file is reported in one line', async () => {
  const state = join(import.meta.filename, 'state')
  const { code, stderr } = await runToEnd(['lab', '--machines', 'simulated', '--', process.execPath, '--version'], {
    XDG_STATE_HOME: state,
  })
  expect([code, stderr]).toEqual([
    10,
    `metalkit: lab: cannot use "${state}/metalkit/lab/disks" as state folder: a part of the path is not a folder; set XDG_STATE_HOME to a folder of yours\n`,
  ])
})
