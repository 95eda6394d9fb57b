// The machine that is looked at, but for its console.
import { formatAge } from '../../../age.ts'
import type { Fetched, MachineDetail, MachineSummary } from '../messages.ts'
import { create, element, setText } from './elements.ts'

/** States in which the lab takes no power action. */
const busyStates = ['queued', 'provisioning', 'reinstalling', 'deprovisioning']

/** Shows what the list knows of it. */
export function showSummary(machine: MachineSummary): void {
  element('machine').hidden = false
  setText('hostname', machine.hostname)
  setText('state', machine.state)
  element('state').dataset['state'] = machine.state
  const age = formatAge(Date.now() - Date.parse(machine.createdAt))
  setText('facts', `${machine.plan} in ${machine.metro}, ${age} old, ${machine.isOn ? 'on' : 'off'}, ${machine.id}`)
  const progress = element('progress')
  progress.setAttribute('value', String(machine.percentage))
  progress.hidden = machine.percentage >= 100
  const isBusy = busyStates.includes(machine.state)
  for (const button of document.querySelectorAll('[data-action]')) {
    const action = button.getAttribute('data-action')
    const isIdle = action === 'power_on' ? machine.isOn : action !== 'delete' && !machine.isOn
    button.toggleAttribute('disabled', isBusy ? action !== 'delete' : isIdle)
  }
}

function describeResult({ ms, result }: Fetched): string {
  if (ms === undefined) return 'fetching'
  if (result !== 'ok') return result ?? ''
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** Shows the rest. */
export function showDetail({ events, fetched, script }: MachineDetail): void {
  element('fetched').replaceChildren(
    ...fetched.map((one) => create('tr', {}, create('td', {}, one.what), create('td', {}, describeResult(one)))),
  )
  element('events').replaceChildren(
    ...events.map(({ body, createdAt }) => {
      const time = create('time', { datetime: createdAt }, new Date(createdAt).toLocaleTimeString('en-GB'))
      return create('li', {}, time, create('span', {}, body))
    }),
  )
  setText('script', script)
}
