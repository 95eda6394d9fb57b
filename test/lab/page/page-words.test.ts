// The page of a lab of each cloud in a real browser: it uses the words of its cloud, and its buttons work.
import { dirname, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { latitude } from '../../../src/lab/latitude/face.ts'
import { startTestLab } from '../../helpers/lab.ts'
import { findProgram, needs } from '../../helpers/needs.ts'
import { program } from '../../helpers/program.ts'
import { addServer } from '../../latitude/world.ts'
import { startOciLab } from '../oci/oci-lab.ts'

const pageFolder = join(dirname(program), 'page')
const script = '#!ipxe\nshell\n'
/** Time to see each state of a machine that comes up, on a busy computer too. */
const pace = { queuedMs: 1500, stepMs: 500 }

const rows = [
  {
    title: 'Latitude.sh',
    async open() {
      const lab = await startTestLab({ face: latitude, pageFolder, pace })
      const add = () => addServer(lab, 'web1', Buffer.from(script).toString('base64'))
      return Object.assign(lab, { add })
    },
    facts: { Plan: 'c3-small-x86', Site: 'DAL' },
    states: ['off', 'deploying', 'on'],
    off: 'off',
  },
  {
    title: 'Oracle Cloud',
    async open() {
      const lab = await startOciLab({ pageFolder, pace })
      const add = async () => {
        await lab.launch({ displayName: 'web1', ipxeScript: script })
      }
      return Object.assign(lab, { add })
    },
    facts: { Shape: 'BM.Standard.E4.128', 'Availability domain': 'mKLb:US-SANJOSE-1-AD-1' },
    states: ['PROVISIONING', 'RUNNING'],
    off: 'STOPPED',
  },
]

async function textOf(page: Page, selector: string): Promise<string | undefined> {
  return (await page.textContent(selector))?.trim()
}

describe.each(rows)('the page of $title', { ...needs('chromium'), timeout: 120_000 }, (row) => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: findProgram('chromium') ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    })
  })
  afterAll(() => browser.close())

  test('shows states, plan and place in its words, and switches a machine off and deletes it', async () => {
    await using lab = await row.open()
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    const seen: string[] = []
    await page.exposeFunction('note', (state: string) => seen.push(state))
    await page.goto(`${new URL('/', lab.apiUrl).href}#token=${lab.token}`)
    await page.evaluate(`new MutationObserver(() => note(document.getElementById('state').textContent))
      .observe(document.getElementById('state'), { childList: true, characterData: true, subtree: true })`)
    await lab.add()
    await expect.poll(() => textOf(page, '#state'), { timeout: 30_000 }).toBe(row.states.at(-1))
    expect(seen).toEqual(row.states)
    expect(await textOf(page, '#machines .state')).toBe(row.states.at(-1))
    const facts = await page.$$eval('#facts div', (parts) =>
      parts.map((part) => [...part.children].map((child) => child.textContent.trim())),
    )
    expect(Object.fromEntries(facts)).toMatchObject(row.facts)
    expect(await page.textContent('body')).not.toMatch(/%[a-z]+%/)
    await page.click('[data-action=power_off]')
    await expect.poll(() => textOf(page, '#state')).toBe(row.off)
    await page.click('[data-action=delete]')
    await page.click('#confirm')
    await expect.poll(() => textOf(page, '#none')).toContain('None yet')
    expect(await textOf(page, '#problem')).toBe('')
  })
})
