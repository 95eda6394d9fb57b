// Contenders measured in turn, several rounds, and a table of medians. The machine may be busy with other things: each round
// measures all of them close together, and a ratio is the median of the rounds' own ratios.

/** What one run of a contender gave, by the column's key. A key may be left out. */
export type Sample = Readonly<Record<string, number>>

/** A column of the table. */
export interface Column {
  key: string
  /** As the table's head says it, with the unit: `MB/s`. */
  title: string
  /** Decimal places. */
  digits?: number
  /** No ratio: the figure stands for itself. */
  alone?: boolean
}

/** Something to measure; without `run` its program is not installed, and `missing` says which. */
export type Contender = { name: string } & ({ run: () => Promise<Sample> } | { missing: string })

/** What was measured, round by round, by name of the contender. */
export type Results = ReadonlyMap<string, readonly Sample[]>

/** The middle of some numbers; NaN of none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2
}

/** The median over the rounds of one's figure divided by the reference's in the same round. */
function ratioOf(own: readonly Sample[], reference: readonly Sample[], key: string): number {
  const ratios = own.map((sample, round) => (sample[key] ?? Number.NaN) / (reference[round]?.[key] ?? Number.NaN))
  return median(ratios.filter((ratio) => !Number.isNaN(ratio)))
}

/** The table: a median and its ratio to the reference for each column. */
function renderTable(title: string, columns: readonly Column[], results: Results, reference: string): string {
  const base = results.get(reference)
  const cell = ({ key, digits = 0, alone }: Column, own: readonly Sample[]) => {
    const values = own.map((sample) => sample[key]).filter((value) => value !== undefined)
    if (values.length === 0) return ''
    const shown = median(values).toFixed(digits)
    return base === undefined || alone ? shown : `${shown} (${ratioOf(own, base, key).toFixed(2)})`
  }
  const rows = [
    [title, ...columns.map((column) => column.title)],
    ['---', ...columns.map(() => '---:')],
    ...[...results].map(([name, own]) => [name, ...columns.map((column) => cell(column, own))]),
  ]
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/**
 * Measures all contenders in turn, `rounds` times, after one round that does not count, and prints a Markdown table.
 * Ratios are to the contender named `reference`.
 */
export async function compare(options: {
  title: string
  columns: readonly Column[]
  contenders: readonly Contender[]
  reference: string
  rounds: number
  /** No round that does not count first. */
  cold?: boolean
}): Promise<Results> {
  const { title, columns, contenders, reference, rounds, cold = false } = options
  const present = contenders.filter((contender) => 'run' in contender)
  const results = new Map<string, Sample[]>(present.map(({ name }) => [name, []]))
  for (let round = cold ? 1 : 0; round <= rounds; round++) {
    // Each round starts with another one, so that none always follows the same neighbour.
    for (let i = 0; i < present.length; i++) {
      const contender = present[(i + round) % present.length]
      if (contender === undefined) continue
      const sample = await contender.run()
      if (round > 0) results.get(contender.name)?.push(sample)
    }
  }
  console.log(renderTable(title, columns, results, reference))
  for (const contender of contenders) {
    if ('missing' in contender) console.log(`\n${contender.name} is left out: ${contender.missing} is not installed.`)
  }
  console.log(`\nMedians of ${rounds} rounds${results.has(reference) ? `; in brackets: ratio to ${reference}` : ''}.\n`)
  return results
}
