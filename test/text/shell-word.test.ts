import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { quoteWord } from '../../src/text/shell-word.ts'

test.each(['plain', 'a b', "it's", '$HOME', '`id`', '', 'a\nb', '*', '~', '-n', 'UserKnownHostsFile=/a b'])(
  'a shell reads %j unchanged',
  (word) => {
    expect(execFileSync('sh', ['-c', `printf %s ${quoteWord(word)}`], { encoding: 'utf8' })).toBe(word)
  },
)

test('a leading ~ stays the home folder', () => {
  const shown = execFileSync('sh', ['-c', `printf %s ${quoteWord('~/.ssh/known_hosts')}`], {
    encoding: 'utf8',
    env: { HOME: '/h' },
  })
  expect(shown).toBe('/h/.ssh/known_hosts')
})
