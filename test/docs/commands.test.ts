// Each command line that a document shows is run, in the order of the document.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { needs } from '../helpers/needs.ts'
import { documents, findBlocks, project, readDocument } from './blocks.ts'
import { quoteValue } from '../../src/text/shell-word.ts'
import { startWorld } from './world.ts'

/** Lines that need more than a lab and a web server (Ctrl-C, an external server), with the test that covers each. */
const elsewhere: Readonly<Record<string, string>> = {
  'metalkit lab                       # until Ctrl-C': 'test/commands/lab/lab.test.ts',
  'eval "$(metalkit lab env)"         # in another shell': 'test/commands/lab/lab.test.ts',
  'metalkit serve ': 'test/commands/serve.test.ts',
  'metalkit push equinixmetal -base-url http://boot.example.com -destination sftp:': 'test/publish/sftp.test.ts',
  'metalkit push equinixmetal -base-url http://my-bucket.s3.': 'test/publish/s3.test.ts',
  'metalkit push equinixmetal -base-url http://boot.example.com -destination s3:': 'test/publish/s3.test.ts',
  'metalkit run equinixmetal -serve 127.0.0.1:8080 -tunnel ssh:': 'test/tunnel/ssh-tunnel.test.ts',
  "metalkit run equinixmetal -serve 127.0.0.1:8080 -tunnel 'ssh:": 'test/tunnel/ssh-tunnel.test.ts',
  'metalkit run equinixmetal -serve 127.0.0.1:8080 -tunnel ngrok': 'test/tunnel/ngrok.test.ts',
}

function isElsewhere(line: string): boolean {
  return Object.keys(elsewhere).some((start) => line.startsWith(start))
}

/** The same in a lab, without the lines that set an account's secrets (`TOKEN=...`), which the lab has for its own. */
function inLabOf(cloud: string, text: string): string {
  const lines = text.split('\n').filter((line) => !line.includes('=...'))
  return `metalkit lab --cloud ${cloud} -- sh -euc ${quoteValue(lines.join('\n'))}`
}

/** The blocks of a document that are run, reduced to the lines that are run here. */
function shellOf(file: string): { text: string; line: number }[] {
  return findBlocks(readDocument(file))
    .filter(({ language, notRun }) => language === 'sh' && notRun === undefined)
    .map(({ text, line, labOf }) => ({
      text: text
        .split('\n')
        .filter((one) => !isElsewhere(one))
        .join('\n'),
      line,
      labOf,
    }))
    .filter(({ text }) => text.trim() !== '')
    .map(({ text, line, labOf }) => ({ text: labOf === undefined ? text : inLabOf(labOf, text), line }))
}

describe.each(documents.filter((file) => shellOf(file).length > 0))('%s', (file) => {
  const shell = shellOf(file)
  const programs = ['jq', 'curl'].filter((program) => shell.some(({ text }) => text.includes(`${program} -`)))

  test('is run, line by line', { ...needs(...programs), timeout: 300_000 }, async () => {
    await using world = await startWorld()
    await world.build('linuxkit')
    // The README and the page on publishing assume an earlier push.
    if (file === 'README.md') await world.build('linuxkit', 'www')
    if (file === 'docs/publishing.md') await world.run('metalkit push equinixmetal -base-url http://a linuxkit')
    for (const { text, line } of shell) {
      const { code, output } = await world.run(text)
      expect([`${file}:${line}`, code, code === 0 ? '' : output]).toEqual([`${file}:${line}`, 0, ''])
    }
  })
})

test('every exempt line still exists', () => {
  const lines = documents.flatMap((file) => readDocument(file).split('\n'))
  for (const [start, file] of Object.entries(elsewhere)) {
    expect([start, lines.some((line) => line.startsWith(start))]).toEqual([start, true])
    expect([file, existsSync(join(project, file))]).toEqual([file, true])
  }
})

/** Every string in a YAML value. */
function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : []
}

describe('the recipes of docs/ci.md', () => {
  const recipes = findBlocks(readDocument('docs/ci.md')).filter(({ language }) => language === 'yaml')

  test.each(recipes.map(({ text, line }) => [line, text] as const))('line %i', async (_line, text) => {
    const scripts = stringsOf(parse(text)).filter((one) => one.startsWith('metalkit '))
    expect(scripts).toHaveLength(1)
    await using world = await startWorld()
    await world.build('linuxkit')
    for (const script of scripts) {
      const { code, output } = await world.run(script)
      expect([code, output]).toEqual([0, expect.stringContaining('machine is up')])
    }
  })
})
