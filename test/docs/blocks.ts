// The fenced blocks of a document, those in lists included, with the comment before each.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const project = join(import.meta.dirname, '../..')

/** Every document, by its path in the project. */
export const documents: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'THIRD-PARTY.md',
  ...readdirSync(join(project, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** The text of a document. */
export function readDocument(file: string): string {
  return readFileSync(join(project, file), 'utf8')
}

/** A fenced block. */
export interface Block {
  language: string
  text: string
  line: number
  /** Why it cannot be run: `<!-- not run: why -->` in the line before it. */
  notRun: string | undefined
  /** The cloud in whose lab it is run, instead of with an account: `<!-- run in a lab of: oci -->` in the line before it. */
  labOf: string | undefined
}

/** The fenced blocks of a text, in their order. */
export function findBlocks(text: string): Block[] {
  const pattern =
    /(?:^ *<!-- (?:not run: (?<notRun>[^\n]+?)|run in a lab of: (?<labOf>\w+)) -->\n)?^(?<indent> *)```(?<language>\w*)\n(?<body>.*?)^\k<indent>```$/gms
  return [...text.matchAll(pattern)].map(({ groups = {}, index }) => ({
    language: groups['language'] ?? '',
    text: (groups['body'] ?? '').replaceAll(new RegExp(`^${groups['indent'] ?? ''}`, 'gm'), ''),
    line: text.slice(0, index).split('\n').length,
    notRun: groups['notRun'],
    labOf: groups['labOf'],
  }))
}
