// The lab's page in a real browser: a machine is created through the API, watched, typed into, and switched off.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { Hardware } from '../../helpers/hardware.ts'
import { program } from '../../helpers/program.ts'
import { findProgram, needs } from '../../helpers/needs.ts'
import { startTestLab, type TestLab, waitForState } from '../../helpers/lab.ts'
import { runToEnd } from '../../helpers/io.ts'
import { close, listen } from '../../helpers/port.ts'
import { createTalkingDriver } from '../../helpers/talking-machine.ts'
import { formatSize } from '../../../src/text/byte-size.ts'
import { labEnvironment } from '../../../src/lab/environment.ts'
import { fakeBzImage } from '../../helpers/image.ts'
import { bootScriptFor, serveFiles } from '../machines/boot-files.ts'

const pageFolder = join(dirname(program), 'page')
const quiet = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

async function shows(page: Page, selector: string, expected: string): Promise<void> {
  await expect.poll(() => page.textContent(selector)).toContain(expected)
}

/** Waits until the console's last line, iPXE's prompt, is completely visible. */
async function showsNewest(page: Page): Promise<void> {
  const prompt = page.locator('.xterm-rows > div', { hasText: 'iPXE>' })
  // It only scrolls to the console: scrolling to the line would hide the defect.
  await page.locator('#terminal').scrollIntoViewIfNeeded({ timeout: 60_000 })
  await prompt.waitFor({ state: 'attached', timeout: 60_000 })
  const isWhole = async () => {
    const [row, box] = [await prompt.boundingBox(), await page.locator('#terminal').boundingBox()]
    return row !== null && box !== null && row.y >= box.y && row.y + row.height <= box.y + box.height
  }
  await expect.poll(isWhole).toBe(true)
}

/** The luminance of a colour in the form of browsers, `rgb(1, 2, 3)`. */
function brightness(color: string): number {
  return Math.max(...(color.match(/\d+/g) ?? []).slice(0, 3).map(Number))
}

/** A proxy to a port that can be paused: connections stay open, and no data passes. */
async function startWay(target: number) {
  const sockets: Socket[] = []
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) sockets.push(socket.on('error', () => {}))
  })
  return {
    port: await listen(server),
    stop: () => sockets.forEach((socket) => socket.pause()),
    goOn: () => sockets.forEach((socket) => socket.resume()),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await close(server)
    },
  }
}

describe('the page in Chromium', { ...needs('chromium'), timeout: 240_000 }, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: findProgram('chromium') ?? '', args: ['--no-sandbox', ...quiet] })
  })
  afterAll(() => browser.close())

  /** Opens the page with a token; `complaints` holds the browser's messages, including violations of the content policy. */
  async function open(lab: TestLab, token: string, options: Parameters<Browser['newPage']>[0] = {}) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options })
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(`${new URL('/', lab.apiUrl).href}#token=${token}`)
    return { page, complaints, [Symbol.asyncDispose]: () => page.close() }
  }

  test('shows a machine boot, takes keys for its console, and switches it off and on', async () => {
    await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
    files.files['x'] = bootScriptFor(files.url)
    await using lab = await startTestLab({ pageFolder })
    await using opened = await open(lab, lab.token)
    const { page, complaints } = opened
    await shows(page, '#none', 'None yet')
    expect(page.url()).not.toContain(lab.token)
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname: 'web1' }
    await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, ipxe_script_url: `${files.url}/x` })
    await shows(page, '#state', 'active')
    await shows(page, '#events', 'Device phoned home and is ready to go')
    await shows(page, '#fetched', `${files.url}/i`)
    await shows(page, '#script', 'chain --autofree')
    await shows(page, '.xterm-rows', 'machine is up')
    // By keyboard alone: through the console, into it, and out of it again.
    await page.focus('#hand')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toContain('xterm')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.tagName')).toBe('SUMMARY')
    await page.focus('#hand')
    await page.keyboard.press('Enter')
    await shows(page, '#keyboard', 'yours')
    await page.keyboard.type('uname -a\n')
    await shows(page, '.xterm-rows', 'Linux web1')
    await page.keyboard.press('F6')
    expect(await page.evaluate('document.activeElement.id')).toBe('hand')
    await page.click('[data-action=power_off]')
    await shows(page, '#state', 'inactive')
    expect(await page.isDisabled('[data-action=power_off]')).toBe(true)
    await page.click('[data-action=power_on]')
    await shows(page, '#state', 'active')
    await page.click('[data-action=delete]')
    await page.click('#confirm')
    await shows(page, '#status', '0 machines')
    expect(complaints).toEqual([])
  })

  test('shows the machines of a rack, and opens the device that has one', async () => {
    const hardware = new Hardware({ r1: 'nuc.small', r2: 'nuc.small', r3: 'server.large', r4: 'nuc.small' }, ['r4'])
    const { driver, inventory, catalogue } = hardware
    hardware.aside.set(
      'r2',
      'it is on, and no device of this rack has it: if it may be switched off and used, run metalkit rack release r2',
    )
    hardware.aside.set('r4', 'it is in use (inUse: true in the rack file)')
    await using lab = await startTestLab({ pageFolder, driver, inventory, catalogue, isLab: false })
    const body = { metro: 'home', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
    for (const [hostname, plan] of [
      ['box', 'nuc.small'],
      ['big', 'server.large'],
    ]) {
      await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, hostname, plan })
    }
    await using opened = await open(lab, lab.token)
    const { page, complaints } = opened
    await shows(page, 'h1', 'metalkit rack')
    const rows = async () => await page.locator('#stock tr').allInnerTexts()
    await expect
      .poll(rows)
      .toEqual([
        'r1\tnuc.small\ton\ttaken by box',
        expect.stringMatching(/^r2\tnuc.small\t–\tset aside: it is on/),
        'r3\tserver.large\ton\ttaken by big',
        'r4\tnuc.small\t–\tin use',
      ])
    await page.click('#stock tr:first-child button')
    await shows(page, '#hostname', 'box')
    await shows(page, '#plan', 'nuc.small (r1)')
    expect(await page.isHidden('#calls')).toBe(true)
    await page.click('[data-action=delete]')
    await shows(page, '#consequence', 'Nothing on its disks is deleted')
    await page.keyboard.press('Escape')
    await page.setViewportSize({ width: 360, height: 740 })
    const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
    expect(isWide).toBe(false)
    expect(complaints).toEqual([])
  })

  test('asks before deleting, and does not select another machine afterwards', async () => {
    await using lab = await startTestLab({ pageFolder })
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', userdata: '#!ipxe\nshell' }
    for (const hostname of ['web1', 'web2']) {
      const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, hostname })
      await waitForState(lab, String(json.id), 'active')
    }
    await using opened = await open(lab, lab.token)
    const { page } = opened
    await shows(page, '#hostname', 'web2')
    for (const size of [
      { width: 1280, height: 900 },
      { width: 360, height: 740 },
    ]) {
      await page.setViewportSize(size)
      await page.dblclick('[data-action=delete]')
      await shows(page, '#question', 'Delete web2?')
      // The second click had no effect.
      expect(lab.devices()).toHaveLength(2)
      const button = await page.locator('[data-action=delete]').boundingBox()
      const confirm = await page.locator('#confirm').boundingBox()
      if (button === null || confirm === null) throw new Error('a button is not to be seen')
      const isApart =
        confirm.x > button.x + button.width ||
        confirm.x + confirm.width < button.x ||
        confirm.y > button.y + button.height ||
        confirm.y + confirm.height < button.y
      expect(isApart).toBe(true)
      await page.keyboard.press('Escape')
      await page.waitForSelector('#ask', { state: 'hidden' })
    }
    await page.focus('[data-action=delete]')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('keep')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#ask', { state: 'hidden' })
    expect(lab.devices()).toHaveLength(2)
    await page.click('[data-action=delete]')
    await page.click('#confirm')
    await shows(page, '#gone', 'web2 is deleted. Choose another machine.')
    expect(await page.isHidden('#machine')).toBe(true)
    await page.click('#machines button')
    await shows(page, '#hostname', 'web1')
    // A confirmation for a machine closes if another client deletes the machine.
    await page.click('[data-action=delete]')
    await shows(page, '#question', 'Delete web1?')
    const [rest] = lab.devices()
    expect((await lab.call('DELETE', `/devices/${rest?.id}`)).status).toBe(204)
    await page.waitForSelector('#ask', { state: 'hidden' })
    await shows(page, '#status', '0 machines')
  })

  test('labels its content, copies ids and commands, and lists fetches in order with their sizes', async () => {
    await using files = await serveFiles({ k: fakeBzImage(), i: Buffer.alloc(3_456_789) })
    files.files['x'] = bootScriptFor(files.url)
    await using lab = await startTestLab({ pageFolder })
    await using opened = await open(lab, lab.token, { permissions: ['clipboard-read', 'clipboard-write'] })
    const { page } = opened
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname: 'web1' }
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
      ...body,
      ipxe_script_url: `${files.url}/x`,
    })
    await shows(page, '#state', 'active')
    await expect.poll(() => page.locator('#facts > div').allTextContents()).toHaveLength(6)
    const facts = (await page.locator('#facts > div').allTextContents()).map((fact) =>
      fact.replaceAll(/\s+/g, ' ').trim(),
    )
    expect(facts[0]).toBe('Plan c3.small.x86')
    expect(facts[4]).toContain(`ID ${json.id}`)
    expect(facts[5]).toContain(`In a terminal metalkit console ${json.id}`)
    for (const [id, expected] of [
      ['id', json.id],
      ['attach', `metalkit console ${json.id}`],
    ]) {
      await page.click(`[data-copy=${id}]`)
      await shows(page, `[data-copy=${id}]`, 'Copied')
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(expected)
    }
    const rows = async () => {
      const cells = await page.evaluate<string[][]>(
        "[...document.querySelectorAll('#fetched tr')].map((row) => [...row.cells].map((cell) => cell.textContent))",
      )
      return cells.map(([number, url, size]) => [number, url?.split('/').at(-1), size])
    }
    const kernelSize = formatSize(fakeBzImage().length)
    await expect.poll(rows).toEqual([
      ['1', 'auto.ipxe', '–'],
      ['2', 'phone-home', '–'],
      ['3', 'x', formatSize(Buffer.byteLength(bootScriptFor(files.url)))],
      ['4', 'k', kernelSize],
      ['5', 'i', '3.5 MB'],
    ])
  })

  test('says that another session is using the console, and takes it only by typing', needs('ssh'), async () => {
    await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
    files.files['x'] = bootScriptFor(files.url)
    await using lab = await startTestLab({ pageFolder })
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname: 'web1' }
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
      ...body,
      ipxe_script_url: `${files.url}/x`,
    })
    await using opened = await open(lab, lab.token)
    const { page } = opened
    await shows(page, '.xterm-rows', 'machine is up')
    await shows(page, '#keyboard', 'watching')
    // Navigating the page by wheel, selection, shortcuts and movement keys.
    await page.click('#terminal')
    await page.mouse.wheel(0, -300)
    for (const key of ['ArrowUp', 'PageUp', 'Control+c', 'Control+a', 'Escape', 'Shift']) await page.keyboard.press(key)
    const options = ['-i', lab.userKeyPath, '-o', `UserKnownHostsFile=${lab.knownHostsPath}`, '-o', 'BatchMode=yes']
    const session = spawn('ssh', ['-T', '-p', String(lab.sos.port), ...options, `${json.id}@127.0.0.1`])
    expect(String(await once(session.stdout, 'data'))).toContain('SOS Session Ready')
    await shows(page, '#keyboard', 'another session is using this console')
    expect(await page.isDisabled('#hand')).toBe(true)
    await page.keyboard.type('x')
    session.kill()
    await shows(page, '#keyboard', 'watching; type to take')
    await page.keyboard.type('uname -a\n')
    await shows(page, '#keyboard', 'yours')
    await shows(page, '.xterm-rows', 'Linux web1')
  })

  test('says that the lab does not answer, at any scroll position, and continues when it answers again', async () => {
    await using lab = await startTestLab({ pageFolder })
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname: 'web1' }
    await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, userdata: '#!ipxe\nshell' })
    await using opened = await open(lab, lab.token, { viewport: { width: 360, height: 740 } })
    const { page } = opened
    await shows(page, '.xterm-rows', 'iPXE>')
    expect(await page.isHidden('#lost')).toBe(true)
    await page.evaluate('scrollTo(0, document.body.scrollHeight)')
    const { port } = new URL(lab.apiUrl)
    await lab[Symbol.asyncDispose]()
    await page.waitForSelector('#lost:not([hidden])')
    const top = await page.evaluate<number>("document.getElementById('lost').getBoundingClientRect().top")
    expect(top).toBe(0)
    await shows(page, '#lost', 'The lab does not answer')
    await shows(page, '#keyboard', 'not connected')
    expect(await page.evaluate("document.querySelector('[data-action=delete]').closest('[inert]') !== null")).toBe(true)
    await using again = await startTestLab({ pageFolder, listen: { host: '127.0.0.1', port: Number(port) } })
    // Another lab has another token, and the page reports that too.
    expect(again.token).not.toBe(lab.token)
    await page.waitForSelector('#refusal:not([hidden])')
    expect(await page.isHidden('#lost')).toBe(true)
    await page.fill('#token', again.token)
    await page.keyboard.press('Enter')
    await shows(page, '#status', '0 machines')
  })

  test('says that the lab does not answer if its connections stay open but silent', async () => {
    await using lab = await startTestLab({ pageFolder })
    await using way = await startWay(Number(new URL(lab.apiUrl).port))
    await using opened = await open({ ...lab, apiUrl: `http://127.0.0.1:${way.port}/metal/v1` }, lab.token)
    const { page } = opened
    await shows(page, '#status', '0 machines')
    way.stop()
    await page.waitForSelector('#lost:not([hidden])')
    way.goOn()
    await page.waitForSelector('#lost', { state: 'hidden' })
  })

  test('does not take the keyboard for terminal reports', async () => {
    await using files = await serveFiles({ k: fakeBzImage(), i: 'initrd' })
    files.files['x'] = bootScriptFor(files.url)
    // Reports of the cursor's position, the terminal's type, its colours, and the focus.
    const questions = '\u001b[6n\u001b[c\u001b[>c\u001b]10;?\u0007\u001b]11;?\u0007\u001b[?1004hasked\n'
    await using lab = await startTestLab({ pageFolder, driver: createTalkingDriver(questions) })
    await using opened = await open(lab, lab.token)
    const { page } = opened
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname: 'web1' }
    const { json } = await lab.call('POST', `/projects/${lab.projectId}/devices`, {
      ...body,
      ipxe_script_url: `${files.url}/x`,
    })
    await shows(page, '.xterm-rows', 'asked')
    await page.focus('.xterm-helper-textarea')
    await page.focus('#hand')
    await shows(page, '#keyboard', 'watching; type to take')
    const attached = await runToEnd(['console', '-wait-for', 'Session Ready', '-timeout', '20s', json.id], {
      ...labEnvironment(lab),
    })
    expect(attached.code, attached.stdout).toBe(0)
    await page.focus('.xterm-helper-textarea')
    // The lab may learn of that session's end after the first keys.
    const typeAgain = async () => {
      await page.keyboard.type('uname -a\n')
      return await page.textContent('#keyboard')
    }
    await expect.poll(typeAgain).toContain('yours')
  })

  test('asks for the token if it is missing or wrong', async () => {
    await using lab = await startTestLab({ pageFolder })
    await using opened = await open(lab, 'wrong')
    const { page } = opened
    await page.waitForSelector('#login:not([hidden])')
    expect(await page.isHidden('#lab')).toBe(true)
    await shows(page, '#refusal:not([hidden])', 'Wrong token')
    await page.reload()
    await page.waitForSelector('#login:not([hidden])')
    expect(await page.isHidden('#refusal')).toBe(true)
    await page.fill('#token', lab.token)
    await page.keyboard.press('Enter')
    await shows(page, '#status', '0 machines')
  })

  test.each(['light', 'dark'] as const)('fits a phone, and is readable in the %s', async (colorScheme) => {
    await using lab = await startTestLab({ pageFolder })
    const userdata = `#!ipxe\necho ${'x'.repeat(80)}\nshell`
    const hostname = `a-rather-long-host-name.${'x'.repeat(60)}.example.com`
    const body = { plan: 'c3.small.x86', metro: 'am', operating_system: 'custom_ipxe', hostname }
    await lab.call('POST', `/projects/${lab.projectId}/devices`, { ...body, userdata })
    await using opened = await open(lab, lab.token, { viewport: { width: 360, height: 740 }, colorScheme })
    const { page } = opened
    await shows(page, '#state', 'active')
    await showsNewest(page)
    // In landscape the console is below the visible part; back in portrait it is as before.
    await page.setViewportSize({ width: 740, height: 360 })
    await page.evaluate('scrollTo(0, 0)')
    await page.setViewportSize({ width: 360, height: 740 })
    await showsNewest(page)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    // The cards start folded, and the console keeps its 80 columns: a line of 80 characters is one row.
    const cards = "[...document.querySelectorAll('details.card:not([hidden])')].map(({ open }) => open)"
    expect(await page.evaluate(cards)).toEqual([false, false, false, false])
    const rows = await page.locator('.xterm-rows > div').allTextContents()
    expect(rows).toContain('x'.repeat(80))
    const [ground, ink] = await page.evaluate<[string, string]>(
      'const { backgroundColor, color } = getComputedStyle(document.body); [backgroundColor, color]',
    )
    const difference = brightness(ground) - brightness(ink)
    expect(colorScheme === 'light' ? difference : -difference).toBeGreaterThan(150)
  })

  test('of another site gets neither the page, nor the API, nor the connection', async () => {
    await using lab = await startTestLab({ pageFolder })
    await using evil = await serveFiles({ '': 'evil' })
    const page = await browser.newPage()
    // Another origin on this computer; the token is known, which is the worst case.
    await page.goto(`${evil.url}/`)
    const { host, origin } = new URL(lab.apiUrl)
    const tried = await page.evaluate(`(async () => {
      const read = (url, options) => fetch(url, options).then((response) => response.text()).catch(() => 'refused')
      const headers = { 'x-auth-token': ${JSON.stringify(lab.token)} }
      const connect = () => new Promise((resolve) => {
        const socket = new WebSocket('ws://${host}/page/live')
        socket.onopen = () => resolve('open')
        socket.onerror = () => resolve('refused')
      })
      const frame = document.createElement('iframe')
      frame.src = '${origin}/'
      document.body.append(frame)
      await new Promise((resolve) => (frame.onload = resolve))
      return [await read('${origin}/'), await read('${lab.apiUrl}/user', { headers }), await connect(), frame.contentDocument === null]
    })()`)
    expect(tried).toEqual(['refused', 'refused', 'refused', true])
    await page.close()
  })
})
