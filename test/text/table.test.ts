import { expect, test } from 'vitest'
import { formatTable } from '../../src/text/table.ts'

const rows = [
  ['ID', 'STATE', 'CONSOLE'],
  ['4eb1', 'active', 'ssh 4eb1@sos'],
]

test.each([
  [undefined, 'ID    STATE   CONSOLE\n4eb1  active  ssh 4eb1@sos\n'],
  [26, 'ID    STATE   CONSOLE\n4eb1  active  ssh 4eb1@sos\n'],
  [25, 'ID    STATE\n4eb1  active\n'],
  [12, 'ID    STATE\n4eb1  active\n'],
  [11, 'ID\n4eb1\n'],
  [2, 'ID\n4eb1\n'],
])('a window of %s columns omits what does not fit', (columns, table) => {
  expect(formatTable(rows, columns)).toBe(table)
})
