// Commands that only print: with stdout on a full disk, they do not exit with 0.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { program } from '../helpers/program.ts'

test.each(['--help', 'run equinixmetal --help', '--version', 'completion bash', 'man'])(
  '%s to a full disk fails, and says why',
  (words) => {
    const command = `exec "$0" "$1" ${words} > /dev/full`
    const { status, stderr } = spawnSync('sh', ['-c', command, process.execPath, program], { encoding: 'utf8' })
    expect(stderr).toContain('no space left on device')
    expect(status).toBeGreaterThan(0)
  },
)
