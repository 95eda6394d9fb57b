// The shell of a BMC around its console.
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { awaitPrompt, HotKeyFilter, PromptWatch } from '../../../src/rack/console/bmc-shell.ts'

const never = new AbortController().signal

test('the prompt is the unfinished last line, without colours', async () => {
  const channel = new PassThrough()
  const waiting = awaitPrompt(channel, never)
  channel.write('Welcome to the BMC\r\n')
  channel.write('\u001b[1;32mracadm>>\u001b[0m ')
  expect(await waiting).toBe('racadm>>')
})

test('a shell that never falls silent is not waited for', { timeout: 15_000 }, async () => {
  const channel = new PassThrough()
  const timer = setInterval(() => channel.write('Welcome\r\n'), 50)
  await awaitPrompt(channel, never)
  clearInterval(timer)
})

test('a prompt that comes back is seen, but not in the echo, nor in the middle of a line', () => {
  const watch = new PromptWatch('racadm>>')
  const sees = (text: string) => watch.sees(Buffer.from(text))
  expect(sees('\rracadm>> ')).toBe(false)
  expect(sees('console com2\r\n')).toBe(false)
  expect(sees('Connected to COM2\r\nlogin: racadm>>')).toBe(false)
  expect(sees('\r\nracadm>> x\r\n')).toBe(false)
  expect(sees('\r\nrac')).toBe(false)
  expect(sees('adm>> ')).toBe(true)
})

test.each(['', '$', '#'])('the prompt "%s" says too little to be looked for', (prompt) => {
  const watch = new PromptWatch(prompt)
  expect(watch.sees(Buffer.from('x\r\n'))).toBe(false)
  expect(watch.sees(Buffer.from(`${prompt} `))).toBe(false)
})

test('keys that leave the console are taken out, also in two pieces', () => {
  const filter = new HotKeyFilter()
  const filtered = (text: string) => filter.filter(Buffer.from(text)).toString()
  expect(filtered('ls (x) tT\r')).toBe('ls (x) tT\r')
  expect(filtered('a\u001cb')).toBe('ab')
  expect(filtered('\u001b[A\u001b(')).toBe('\u001b[A\u001b')
  expect(filtered('\u001bt\u001bT')).toBe('\u001b\u001b')
  expect(filtered('\u001b')).toBe('\u001b')
  expect(filtered('T')).toBe('')
  expect(filtered('T')).toBe('T')
})
