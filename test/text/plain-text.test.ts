import { expect, test } from 'vitest'
import { startFakeApi } from '../helpers/api-fake.ts'
import { runToEnd } from '../helpers/io.ts'
import { findControl, stripEscapes, plainJson, plainText, showUnseen } from '../../src/text/plain-text.ts'

test.each([
  ['plain text, grün', 'plain text, grün'],
  ['a\u001b[2Jb', String.raw`a\u{1b}[2Jb`],
  ['a\u009bb', String.raw`a\u{9b}b`],
  ['user\u202egnp.exe', String.raw`user\u{202e}gnp.exe`],
  ['zero\u200bwidth', String.raw`zero\u{200b}width`],
  ['two\r\nlines\tand tabs', 'two lines and tabs'],
])('%j is shown as %s', (text, shown) => {
  expect(plainText(text)).toBe(shown)
})

test('line ends are kept', () => {
  expect(showUnseen('a\nb\rc')).toBe('a\nb\\u{d}c')
})

test('names and errors from an API cannot control the terminal', async () => {
  const device = {
    id: 'd-1\u001b]0;x\u0007',
    hostname: 'a\u202eb\u001b[31m',
    state: 'active',
    tags: ['metalkit'],
    sos: 'h',
  }
  await using api = await startFakeApi(({ method }) =>
    method === 'GET'
      ? { status: 200, json: { devices: [device] } }
      : { status: 422, json: { errors: ['no\u001b[2J\u202e'] } },
  )
  const env = { METAL_API_URL: api.apiUrl, METAL_API_TOKEN: 'sesame', METAL_PROJECT_ID: 'p' }
  const { stdout, stderr } = await runToEnd(['ls'], env)
  const removed = await runToEnd(['rm', '--older-than', '0s'], env)
  expect(stdout).toContain(String.raw`a\u{202e}b\u{1b}[31m`)
  expect(removed.stderr).toContain(String.raw`a\u{202e}b\u{1b}[31m`)
  // oxlint-disable-next-line no-control-regex -- these must not appear
  expect(stdout + stderr + removed.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
})

test('JSON escapes every invisible character, and the values stay equal', () => {
  const value = { text: 'a\u009b2J\u202egnp\u2066\u007f\n\u2028é 🦊 \u{e0001}' }
  const json = plainJson(value)
  expect(json).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
  expect(json).toContain(String.raw`\u009b2J\u202egnp\u2066\u007f\n\u2028é 🦊 \udb40\udc01`)
  expect(JSON.parse(json)).toEqual(value)
})

test('escape sequences are removed: control sequences, strings and short ones', () => {
  expect(
    stripEscapes('\u001b[=3h\u001b[?25lA\u001bcB\u001b(BC\u001b[0;32mD\u001b[0m\u001b]0;title\u0007E\u001bM'),
  ).toBe('ABCDE')
  expect(stripEscapes('an unfinished \u001b[12')).toBe('an unfinished \u001b[12')
})

test('the first control character, other than tab and newline', () => {
  expect(findControl('a\tb\nc\u0085d\u007f')).toBe(5)
  expect(findControl('a\tb\nc\u0085d\u007f', 6)).toBe(7)
  expect(findControl('a\tb')).toBe(3)
})
