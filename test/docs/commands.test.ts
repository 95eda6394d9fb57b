// Each command line that a document shows is run, in the order of the document.
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { needs } from '../helpers/needs.ts'
import { findBlocks, readDocument } from './blocks.ts'
import { startWorld } from './world.ts'

/** Documents whose commands need more than one lab has (a server of others, several labs); their rooms' tests run them. */
const elsewhere = new Set(['docs/lab.md', 'docs/publishing.md', 'docs/performance.md'])
const here = ['README.md', 'docs/guide.md', 'docs/console.md', 'docs/ci.md', 'docs/json.md', 'docs/from-linuxkit.md']

describe.each(here)('%s', (file) => {
  const blocks = findBlocks(readDocument(file))
  const shell = blocks.filter(({ language, notRun }) => language === 'sh' && notRun === undefined)

  const programs = shell.some(({ text }) => /\bjq\b/.test(text)) ? ['jq'] : []

  test('has command lines, and runs them', { ...needs(...programs), timeout: 90_000 }, async () => {
    expect(shell.length).toBeGreaterThan(0)
    expect(elsewhere.has(file)).toBe(false)
    await using world = await startWorld()
    await world.build('linuxkit')
    // A push to the web server's folder comes before what is fetched from there.
    if (file === 'README.md') await world.build('linuxkit', 'www')
    for (const { text, line } of shell) {
      const { code, output } = await world.run(text)
      expect([`${file}:${line}`, code, code === 0 ? '' : output]).toEqual([`${file}:${line}`, 0, ''])
    }
  })
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
