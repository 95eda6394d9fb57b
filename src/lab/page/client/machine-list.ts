// The list of machines.
import { formatAge } from '../../../text/duration.ts'
import type { MachineSummary } from '../messages.ts'
import { create, element } from './elements.ts'

function createItem(id: string, onPick: (id: string) => void): HTMLElement {
  const button = create('button', { type: 'button' })
  button.addEventListener('click', () => onPick(id))
  return create('li', { 'data-id': id }, button)
}

/** Fills the list; existing buttons stay and keep the focus. */
export function renderMachineList(
  machines: readonly MachineSummary[],
  current: string | undefined,
  onPick: (id: string) => void,
): void {
  const list = element('machines')
  const known = new Map([...list.children].map((item) => [item.getAttribute('data-id') ?? '', item]))
  const items = machines.map((machine) => {
    const item = known.get(machine.id) ?? createItem(machine.id, onPick)
    const button = item.firstElementChild
    if (!(button instanceof HTMLButtonElement)) return item
    button.setAttribute('aria-current', String(machine.id === current))
    const age = formatAge(Date.now() - Date.parse(machine.createdAt))
    button.replaceChildren(
      create('span', { class: 'name' }, machine.hostname),
      create(
        'span',
        { class: 'row' },
        create('span', { class: 'state', 'data-state': machine.state }, machine.stateWord),
        age,
      ),
      create('span', { class: 'row quiet' }, create('span', {}, machine.plan), create('span', {}, machine.power)),
    )
    return item
  })
  if (items.some((item, index) => list.children[index] !== item) || list.children.length !== items.length) {
    list.replaceChildren(...items)
  }
  element('none').hidden = machines.length > 0
}
