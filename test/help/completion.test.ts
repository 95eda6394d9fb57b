// Completion in real shells: each shell in a terminal of its own gets half a line, a tab and a return, and a stand-in
// called metalkit prints its arguments.
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { clouds } from '../../src/commands/clouds/clouds.ts'
import { startFakeApi } from '../helpers/api-fake.ts'
import { runToEnd } from '../helpers/io.ts'
import { needs } from '../helpers/needs.ts'
import { program } from '../helpers/program.ts'
import { makeFolder, type TestFolder } from '../helpers/folder.ts'

const device = '4eb1ee2c-b4ca-4d9c-a7b1-f9a52bd0ab4c'

/** How to start a shell without the user's files, and load the completion. */
const shells = {
  bash: { start: 'bash --norc --noprofile -i', load: 'eval "$(metalkit completion bash)"' },
  zsh: { start: 'zsh -f -i', load: 'autoload -U compinit; compinit -u -D; eval "$(metalkit completion zsh)"' },
  fish: { start: 'fish --no-config -i', load: 'metalkit completion fish | source' },
}

/** A folder with images, keys and a metalkit that prints its arguments. */
function makeWorld(): TestFolder {
  const folder = makeFolder()
  for (const name of ['out', 'bin']) mkdirSync(join(folder.path, name))
  for (const name of ['linuxkit-kernel', 'linuxkit-initrd.img', 'out/edge-kernel', 'my.key']) folder.write(name, '')
  const metalkit = join(folder.path, 'bin', 'metalkit')
  writeFileSync(
    metalkit,
    `#!/bin/sh\n[ "$1" = completion ] && exec ${process.execPath} ${program} "$@"\nprintf 'WORDS'; printf '[%s]' "$@"; echo END\n`,
  )
  chmodSync(metalkit, 0o755)
  return folder
}

/** A word, quoted for Tcl. */
function brace(text: string): string {
  return `{${text}}`
}

/**
 * Types each line, a tab and a return into one shell. @returns metalkit's arguments, line by line,
 * without the slash after a folder, which zsh removes
 */
async function complete(
  shell: keyof typeof shells,
  folder: TestFolder,
  lines: readonly string[],
  env: Record<string, string> = {},
): Promise<string[]> {
  const { start, load } = shells[shell]
  const typing = lines.map((line) => `send -- ${brace(line)}\nsend "\\t"\nsend "\\r"\nexpect -re {WORDS[^\r\n]*END}\n`)
  const script = `
    set timeout 20
    spawn -noecho ${start}
    send -- ${brace(load)}
    send "\\r"
    send -- "printf 'READY%s' 1\\r"
    expect "READY1"
    ${typing.join('')}
    send -- "exit\\r"
    expect eof
  `
  const { stdout } = await promisify(execFile)('expect', ['-c', script], {
    cwd: folder.path,
    env: {
      PATH: `${join(folder.path, 'bin')}:${process.env['PATH']}`,
      HOME: folder.path,
      TERM: 'xterm',
      COLUMNS: '200',
      ...env,
    },
  })
  return [...stdout.matchAll(/WORDS((?:\[[^\]]*\])+)END/g)].map((match) => (match[1] ?? '').replace('/]', ']'))
}

/** The input before the tab, and metalkit's expected arguments. */
const rows: readonly (readonly [what: string, typed: string, words: string])[] = [
  ['a command', 'metalkit pus', '[push]'],
  ['the second word of a command', 'metalkit run equ', '[run][equinixmetal]'],
  ['a flag', 'metalkit run equinixmetal --always-p', '[run][equinixmetal][--always-pxe]'],
  ['a flag with one dash', 'metalkit serve -dir', '[serve][-directory]'],
  ['an image, from its kernel', 'metalkit run equinixmetal lin', '[run][equinixmetal][linuxkit]'],
  ['an image in a folder', 'metalkit push equinixmetal ./out/e', '[push][equinixmetal][./out/edge]'],
  ['one of few values', 'metalkit lab --machines sim', '[lab][--machines][simulated]'],
  ['a value after =', 'metalkit lab --machines=sim', '[lab][--machines=simulated]'],
  ['a facility', 'metalkit run equinixmetal -zone ams', '[run][equinixmetal][-zone][ams1]'],
  ['a flag after a value with a colon', 'metalkit serve -port :80 --dir', '[serve][-port][:80][--directory]'],
  ['a file', 'metalkit console --identity my', '[console][--identity][my.key]'],
  ['a folder', 'metalkit serve ou', '[serve][out]'],
  ['the command of a lab', 'metalkit lab -- metalkit pus', '[lab][--][metalkit][push]'],
]

describe.each(['bash', 'zsh', 'fish'] as const)('%s', (shell) => {
  test('completes words, images and files', needs('expect', shell), async () => {
    using folder = makeWorld()
    const called = await complete(
      shell,
      folder,
      rows.map(([, typed]) => typed),
    )
    expect(rows.map(([what], at) => [what, called[at]])).toEqual(rows.map(([what, , words]) => [what, words]))
  })

  test('completes the id of a machine', needs('expect', shell), async () => {
    using folder = makeWorld()
    await using api = await startFakeApi(() => ({
      status: 200,
      json: { devices: [{ id: device, state: 'active', tags: ['metalkit'] }], meta: { next: null } },
    }))
    const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p' }
    expect(await complete(shell, folder, ['metalkit console 4eb'], env)).toEqual([`[console][${device}]`])
  })

  test('offers nothing if the API does not respond', needs('expect', shell), async () => {
    using folder = makeWorld()
    await using api = await startFakeApi(() => () => {})
    const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p' }
    expect(await complete(shell, folder, ['metalkit rm 4eb'], env)).toEqual(['[rm][4eb]'])
  })
})

describe('the answers of completion', () => {
  test.each([
    [['-'], ['--quiet', '--verbose', '--help', '--version']],
    [['run', ''], clouds.map(({ name }) => name)],
    [
      ['verify', '-'],
      ['--quiet', '--verbose', '--help'],
    ],
    [
      ['run', 'equinixmetal', '--keep='],
      ['--keep=true', '--keep=false'],
    ],
    [
      ['console', '--host-key-policy', ''],
      ['ask', 'accept-new'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['run', 'equinixmetal', '--hostname', ''], []],
    [['serve', '--unknown=', ''], []],
    [['lab', '--', 'metalkit', 'ru'], ['run']],
    [['lab', '-v', '--', './bin/metalkit', 'lab', '--', 'metalkit', 'pu'], ['push']],
    [['lab', '--', 'make', 'ru'], []],
    [['lab', '--', 'metalk'], []],
    [['no', 'such', ''], []],
  ])('%j', async (words, choices) => {
    const { code, stdout, stderr } = await runToEnd(['completion', '--', ...words])
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout.trimEnd().split('\n').slice(1)
    expect(lines.map((line) => line.split('\t')[0])).toEqual(choices)
  })

  test('a wrong environment does not stop completion', async () => {
    const env = { METAL_API_URL: 'nonsense', METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p' }
    expect(await runToEnd(['completion', '--', 'rm', ''], env)).toEqual({ code: 0, stdout: 'words\n', stderr: '' })
  })

  test('a missing shell is refused', async () => {
    const { code, stdout, stderr } = await runToEnd(['completion'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^metalkit: usage: no shell is given; write metalkit completion bash, /)
  })

  test('another shell is refused', async () => {
    const { code, stderr } = await runToEnd(['completion', 'tcsh'])
    expect([code, stderr]).toEqual([
      2,
      'metalkit: usage: "tcsh" is not a shell with completion; write metalkit completion bash, metalkit completion zsh, metalkit completion fish\n',
    ])
  })
})
