// The page: the lab's machines, one of them open with its console.
import type { LabMessage, MachineSummary } from '../messages.ts'
import { Connection } from './connection.ts'
import { ConsolePane } from './console-pane.ts'
import { element, setText } from './elements.ts'
import { showMachines } from './machine-list.ts'
import { showDetail, showSummary } from './machine-pane.ts'

const tokenKey = 'metalkit-lab-token'

/** The token of the link, which is taken out of the address, or of this tab. */
function findToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null) {
    sessionStorage.setItem(tokenKey, given)
    history.replaceState(null, '', location.pathname)
  }
  return sessionStorage.getItem(tokenKey)
}

/** Asks for the token, and starts again with it. */
function askForToken(): void {
  setText('status', 'locked')
  element('lab').hidden = true
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
  const response = await fetch(`/metal/v1${path}`, {
    method,
    headers: { 'x-auth-token': token, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  })
  if (response.ok) return
  const { error, errors }: { error?: string; errors?: string[] } = await response.json()
  setText('problem', error ?? errors?.join('; ') ?? `The lab answered ${response.status}`)
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
    if (machine === undefined) {
      current = undefined
      element('machine').hidden = true
      const [first] = machines
      if (first !== undefined) return pick(first.id)
    } else showSummary(machine)
    showMachines(machines, current, pick)
  }
  const pane = new ConsolePane({
    onTake: () => connection.send({ type: 'take' }),
    onRelease: () => connection.send({ type: 'release' }),
    onKeys: (data) => connection.send({ type: 'keys', data }),
  })
  const onMessage = (message: LabMessage) => {
    switch (message.type) {
      case 'machines':
        machines = message.machines
        element('lab').hidden = false
        setText('status', `${machines.length} machine${machines.length === 1 ? '' : 's'}`)
        return refresh()
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
        return askForToken()
      default:
        throw new Error(`unknown message ${String(message satisfies never)}`)
    }
  }
  const connection = new Connection({
    token,
    onMessage,
    onOpen: () => {
      if (current !== undefined) connection.send({ type: 'look', id: current })
    },
    onClose: () => setText('status', 'the lab does not answer'),
  })
  for (const button of document.querySelectorAll('[data-action]')) {
    const action = button.getAttribute('data-action') ?? ''
    button.addEventListener('click', () => {
      if (current === undefined) return
      if (action === 'delete') void call(token, 'DELETE', `/devices/${current}`)
      else void call(token, 'POST', `/devices/${current}/actions`, { type: action })
    })
  }
  // Ages go on by themselves.
  setInterval(refresh, 1000)
}

const token = findToken()
if (token === null) askForToken()
else start(token)
