// The machines of a rack, with and without devices.
import type { StockView } from '../messages.ts'
import { create, element } from './elements.ts'

function describeUse({ use, why, device }: StockView, onPick: (id: string) => void): HTMLElement {
  if (device !== undefined) {
    const button = create('button', { type: 'button', class: 'link' }, device.hostname)
    button.addEventListener('click', () => onPick(device.id))
    return create('td', {}, 'taken by ', button)
  }
  const state = create('span', { class: 'state', 'data-use': use }, use)
  return why === undefined ? create('td', {}, state) : create('td', {}, state, `: ${why}`)
}

/** Fills the table. */
export function showStock(machines: readonly StockView[], onPick: (id: string) => void): void {
  element('rack').hidden = false
  element('stock').replaceChildren(
    ...machines.map((machine) =>
      create(
        'tr',
        {},
        create('td', {}, machine.name),
        create('td', {}, machine.plan),
        create('td', {}, machine.power === 'unknown' ? '\u2013' : machine.power),
        describeUse(machine, onPick),
      ),
    ),
  )
}
