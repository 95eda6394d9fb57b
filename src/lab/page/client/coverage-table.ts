// The table of the API's calls.
import { coverage } from '../coverage.ts'
import { create, element } from './elements.ts'

/** Fills the table; it never changes. */
export function showCoverage(): void {
  const rows = coverage.map(({ calls, inLab }) => create('tr', {}, create('td', {}, calls), create('td', {}, inLab)))
  element('coverage').replaceChildren(...rows)
}
