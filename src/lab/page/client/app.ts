// The page: the lab's machines, one of them selected with its console.
import type { LabMessage, MachineSummary } from '../messages.ts'
import { LiveConnection } from './connection.ts'
import { ConsolePane } from './console-pane.ts'
import { startCopyButtons } from './copy-buttons.ts'
import { showCoverage } from './coverage-table.ts'
import { DeleteDialog } from './delete-dialog.ts'
import { element, setText } from './elements.ts'
import { renderMachineList } from './machine-list.ts'
import { showDetail, showSummary } from './machine-pane.ts'
import { showStock } from './stock-table.ts'

const tokenKey = 'metalkit-lab-token'
/** What the server is: a lab or a rack. */
const { noun = 'lab', face } = document.body.dataset
/** The table of calls is that of the Metal API. */
const isMetal = face === 'equinixmetal'

/** Finds the token: in the link, from whose address it is then removed, or in this tab's storage. */
function findToken(): string | null {
  const linkToken = new URLSearchParams(location.hash.slice(1)).get('token')
  if (linkToken !== null) {
    sessionStorage.setItem(tokenKey, linkToken)
    history.replaceState(null, '', location.pathname)
  }
  return sessionStorage.getItem(tokenKey)
}

/** Asks for the token, and restarts with it. */
function askForToken(isRefused: boolean): void {
  setText('status', 'locked')
  element('lab').hidden = true
  element('refusal').hidden = !isRefused
  const form = element('login')
  form.hidden = false
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const input = element('token')
    if (input instanceof HTMLInputElement) sessionStorage.setItem(tokenKey, input.value.trim())
    location.reload()
  })
}

async function call(token: string, method: string, path: string, body?: object): Promise<void> {
  setText('problem', '')
  try {
    const response = await fetch(`${isMetal ? '/metal/v1' : '/lab'}${path}`, {
      method,
      headers: { 'x-auth-token': token, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    if (response.ok) return
    const { error, errors }: { error?: string; errors?: string[] } = await response.json().catch(() => ({}))
    setText('problem', error ?? errors?.join('; ') ?? `The ${noun} answered ${response.status}`)
  } catch {
    setText('problem', `The ${noun} does not answer.`)
  }
}

/** Shows or hides the message that the lab does not answer. Meanwhile the controls that send requests are disabled. */
function showLost(isLost: boolean): void {
  element('lost').hidden = !isLost
  document.body.classList.toggle('is-lost', isLost)
  for (const part of document.querySelectorAll('nav, article .buttons')) part.toggleAttribute('inert', isLost)
}

/** On a phone, only the machines and the console start unfolded. */
function foldCards(): void {
  if (!matchMedia('(max-width: 44rem)').matches) return
  for (const card of document.querySelectorAll('details.card')) card.removeAttribute('open')
}

/** A rack has other calls than a lab, and deletes no disks. */
function nameRack(): void {
  element('calls').hidden = true
  setText('consequence', 'Its machine is switched off and becomes free. Nothing on its disks is deleted.')
}

function start(token: string): void {
  let machines: readonly MachineSummary[] = []
  let current: string | undefined

  const pick = (id: string) => {
    current = id
    setText('problem', '')
    connection.send({ type: 'look', id })
    refresh()
  }
  const refresh = () => {
    const machine = machines.find(({ id }) => id === current)
    element('machine').hidden = machine === undefined
    element('gone').hidden = machine !== undefined || machines.length === 0
    if (machine !== undefined) showSummary(machine)
    renderMachineList(machines, current, pick)
  }
  /** A machine is selected automatically only if none was: after a deletion the next machine must not appear under the pointer. */
  const take = (next: readonly MachineSummary[]) => {
    const gone = machines.find(({ id }) => id === current && !next.some((machine) => machine.id === id))
    if (gone !== undefined) {
      setText('gone', `${gone.hostname} is deleted. Choose another machine.`)
      current = undefined
    }
    const isFirst = machines.length === 0
    machines = next
    dialog.keepOnly(next.map(({ id }) => id))
    const [first] = next
    if (isFirst && current === undefined && first !== undefined) pick(first.id)
    else refresh()
  }
  const dialog = new DeleteDialog((id) => void call(token, 'DELETE', `/devices/${id}`))
  const pane = new ConsolePane({
    onTake: () => connection.send({ type: 'take' }),
    onRelease: () => connection.send({ type: 'release' }),
    onKeys: (data) => connection.send({ type: 'keys', data }),
  })
  const onMessage = (message: LabMessage) => {
    switch (message.type) {
      case 'machines':
        element('lab').hidden = false
        take(message.machines)
        setText('status', `${machines.length} machine${machines.length === 1 ? '' : 's'}`)
        return
      case 'stock':
        return showStock(message.machines, pick)
      case 'detail':
        if (message.detail.id !== current) return
        pane.setKeyboard(message.detail.keyboard)
        return showDetail(message.detail)
      case 'console':
        if (message.id === current) pane.show(message.data, message.isStart)
        return
      case 'denied':
        sessionStorage.removeItem(tokenKey)
        connection.stop()
        return askForToken(true)
      case 'alive':
        return
      default:
        throw new Error(`unknown message ${String(message satisfies never)}`)
    }
  }
  const connection = new LiveConnection({
    token,
    onMessage,
    onOpen: () => {
      if (current !== undefined) connection.send({ type: 'look', id: current })
    },
    onSilence: showLost,
    onClose: () => {
      showLost(true)
      setText('status', 'not connected')
      pane.disconnect()
    },
  })
  for (const button of document.querySelectorAll('[data-action]')) {
    const action = button.getAttribute('data-action') ?? ''
    button.addEventListener('click', () => {
      if (current === undefined) return
      const hostname = machines.find(({ id }) => id === current)?.hostname ?? current
      if (action === 'delete') dialog.ask(current, hostname)
      else void call(token, 'POST', `/devices/${current}/actions`, { type: action })
    })
  }
  // Keeps the ages current.
  setInterval(refresh, 1000)
}

const token = findToken()
foldCards()
startCopyButtons()
if (noun === 'rack') nameRack()
else if (isMetal) showCoverage()
else element('calls').hidden = true
if (token === null) askForToken(false)
else start(token)
