// The list of machines.
import type { MachineSummary } from '../messages.ts'
import { create, element } from './elements.ts'

/** `3d4h`, `5h12m`, `7m`, `40s`: the two largest units. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days}d${hours}h`
  if (hours > 0) return `${hours}h${minutes}m`
  return minutes > 0 ? `${minutes}m` : `${seconds}s`
}

function createItem(id: string, onPick: (id: string) => void): HTMLElement {
  const button = create('button', { type: 'button' })
  button.addEventListener('click', () => onPick(id))
  return create('li', { 'data-id': id }, button)
}

/** Fills the list; buttons that stay keep the focus. */
export function showMachines(
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
        create('span', { class: 'state', 'data-state': machine.state }, machine.state),
        age,
      ),
      create(
        'span',
        { class: 'row quiet' },
        create('span', {}, machine.plan),
        create('span', {}, machine.isOn ? 'on' : 'off'),
      ),
    )
    return item
  })
  if (items.some((item, index) => list.children[index] !== item) || list.children.length !== items.length) {
    list.replaceChildren(...items)
  }
  element('none').hidden = machines.length > 0
}
