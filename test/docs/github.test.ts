// The files for GitHub: the workflow, the issue forms, dependabot's configuration.
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { findBlocks, readDocument } from './blocks.ts'

const manifest = JSON.parse(readDocument('package.json'))

/** The steps of every job. */
function stepsOf(workflow: { jobs: Record<string, { steps: { uses?: string; run?: string }[] }> }) {
  return Object.values(workflow.jobs).flatMap(({ steps }) => steps)
}

describe('the workflow', () => {
  const workflow = parse(readDocument('.github/workflows/check.yml'))

  test("runs the contributors' commands, on the oldest supported Node and on newer ones", () => {
    const { matrix } = workflow.jobs.check.strategy
    expect(`>=${matrix.node[0]}`).toBe(manifest.engines.node)
    expect(matrix.node).toEqual(['20.19', '22', '24', '26'])
    const runs = stepsOf(workflow).flatMap(({ run }) => run ?? [])
    expect(runs.at(-1)).toBe('.ci/run')
    expect(readDocument('.ci/run')).toContain('npm run --silent check')
    expect(workflow.permissions).toEqual({ contents: 'read' })
  })

  test('and the recipe of docs/ci.md pin a version of each action', () => {
    const recipe = findBlocks(readDocument('docs/ci.md')).find(({ text }) => text.includes('actions/checkout'))
    const used = [workflow, parse(recipe?.text ?? '')].flatMap((one) => stepsOf(one).flatMap(({ uses }) => uses ?? []))
    expect(used.length).toBeGreaterThanOrEqual(5)
    for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/)
  })
})

test('dependabot covers npm and actions, and holds back only packages that need a newer Node', () => {
  const { version, updates } = parse(readDocument('.github/dependabot.yml'))
  expect(version).toBe(2)
  expect(updates.map((update: Record<string, string>) => update['package-ecosystem'])).toEqual([
    'npm',
    'github-actions',
  ])
  const known = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
  for (const { 'dependency-name': name } of updates[0].ignore) expect(known).toContain(name)
})

test.each(['bug', 'idea'])('the form %s has its questions', (name) => {
  const form = parse(readDocument(`.github/ISSUE_TEMPLATE/${name}.yml`))
  expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) })
  const ids = form.body.map(({ id }: { id: string }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  for (const { type, attributes } of form.body) {
    expect(['textarea', 'input', 'dropdown', 'markdown', 'checkboxes']).toContain(type)
    expect(attributes.label).toMatch(/\w/)
  }
})
