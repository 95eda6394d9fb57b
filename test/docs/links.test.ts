import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { documents, findBlocks, project, readDocument } from './blocks.ts'

/** Links and pictures of a document, except in code. */
function linksOf(text: string): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
}

/** The URL fragment of a heading. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '')
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

describe.each(documents)('%s', (file) => {
  const links = linksOf(readDocument(file)).filter((link) => !/^https?:/.test(link))

  test('has only valid links', () => {
    for (const link of links) {
      const [path = '', fragment] = link.split('#')
      const target = path === '' ? file : join(dirname(file), path)
      expect([link, existsSync(join(project, target))]).toEqual([link, true])
      if (fragment !== undefined) expect(anchorsOf(readDocument(target))).toContain(fragment)
    }
  })

  test('gives a reason for each block that is not run', () => {
    for (const { notRun } of findBlocks(readDocument(file))) expect(notRun ?? 'a reason').toMatch(/\w+ \w+/)
  })
})

test('every document can be reached from the README', () => {
  const seen = new Set<string>()
  const visit = (file: string) => {
    if (seen.has(file) || !file.endsWith('.md')) return
    seen.add(file)
    for (const link of linksOf(readDocument(file))) {
      if (!/^https?:|^#/.test(link)) visit(join(dirname(file), link.split('#')[0] ?? ''))
    }
  }
  visit('README.md')
  expect(documents.filter((file) => !seen.has(file))).toEqual([])
})

test('the README fits on two screens', () => {
  expect(readDocument('README.md').split('\n').length).toBeLessThanOrEqual(100)
})

describe("linuxkit's promises", () => {
  const rows = [...readDocument('docs/from-linuxkit.md').matchAll(/^\| (.+?) \| `(test\/.+?)`: (.+?) \|$/gm)]

  test('all of them are listed', () => expect(rows.length).toBe(20))

  test.each(rows.map(({ 1: promise = '', 2: file = '', 3: title = '' }) => [promise, file, title] as const))(
    '%s',
    (_promise, file, title) => {
      // Titles are written with quotes or in templates.
      expect(readDocument(file).replaceAll('’', "'")).toContain(title)
    },
  )
})
