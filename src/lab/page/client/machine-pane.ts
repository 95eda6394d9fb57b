// The selected machine, except for its console.
import { formatAge } from '../../../text/duration.ts'
import { formatSize } from '../../../text/byte-size.ts'
import type { Fetched } from '../../cloud/fetch-trail.ts'
import type { MachineDetail, MachineSummary } from '../messages.ts'
import { create, element, setText } from './elements.ts'

/** States in which the lab accepts no power action. */
const busyStates = ['queued', 'provisioning', 'reinstalling', 'deprovisioning']

/** Shows the machine's summary. */
export function showSummary(machine: MachineSummary): void {
  element('machine').hidden = false
  setText('hostname', machine.hostname)
  setText('state', machine.stateWord)
  element('state').dataset['state'] = machine.state
  setText('plan', machine.machine === undefined ? machine.plan : `${machine.plan} (${machine.machine})`)
  setText('place', machine.place)
  setText('power', machine.power)
  setText('age', formatAge(Date.now() - Date.parse(machine.createdAt)))
  setText('id', machine.id)
  setText('attach', `metalkit console ${machine.id}`)
  const progress = element('progress')
  progress.setAttribute('value', String(machine.percentage))
  progress.hidden = machine.percentage >= 100
  const isBusy = busyStates.includes(machine.state)
  for (const button of document.querySelectorAll('[data-action]')) {
    const action = button.getAttribute('data-action')
    const isIdle = action === 'power_on' ? machine.power === 'on' : action !== 'delete' && machine.power === 'off'
    button.toggleAttribute('disabled', isBusy ? action !== 'delete' : isIdle)
  }
}

function describeTime({ ms, result }: Fetched): HTMLElement {
  if (ms === undefined) return create('td', {}, 'fetching')
  if (result !== 'ok') return create('td', { class: 'failed' }, result ?? '')
  return create('td', {}, ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
}

function describeFetched(file: Fetched, index: number): HTMLElement {
  const size = file.sizeBytes === undefined ? '\u2013' : formatSize(file.sizeBytes)
  return create(
    'tr',
    {},
    create('td', {}, String(index + 1)),
    create('td', {}, file.what),
    create('td', {}, size),
    describeTime(file),
  )
}

/** Shows the machine's details; fetches in order, events newest first. */
export function showDetail({ events, fetched, script }: MachineDetail): void {
  element('unfetched').hidden = fetched.length > 0
  element('fetches').hidden = fetched.length === 0
  element('fetched').replaceChildren(...fetched.map(describeFetched))
  element('events').replaceChildren(
    ...events.map(({ body, createdAt }) => {
      const time = create('time', { datetime: createdAt }, new Date(createdAt).toLocaleTimeString('en-GB'))
      return create('li', {}, time, create('span', {}, body))
    }),
  )
  setText('script', script)
}
