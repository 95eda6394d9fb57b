// Measures contenders in turn, for several rounds, and prints a table of medians. The computer may be busy with other work, so each
// round measures all of them close together, and a ratio is the median of the ratios within the rounds.

/** The results of one run of a contender, by the column's key. Keys may be missing. */
export type Sample = Readonly<Record<string, number>>

/** A column of the table. */
export interface Column {
  key: string
  /** The heading, with the unit: `MB/s`. */
  title: string
  /** Decimal places. */
  digits?: number
  /** Print no ratio. */
  alone?: boolean
}

/** A contender; if its program is not installed, `missing` names it in place of `run`. */
export type Contender = { name: string } & ({ run: () => Promise<Sample> } | { missing: string })

/** The results of the rounds, by the contender's name. */
export type Results = ReadonlyMap<string, readonly Sample[]>

/** The median of some numbers; NaN if there are none. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2
}

/** The median, over the rounds, of a contender's figure divided by the reference's in the same round. */
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
 * Measures all contenders in turn, `rounds` times after a warm-up round, and prints a Markdown table.
 * Ratios are relative to the contender named `reference`.
 */
export async function compare(options: {
  title: string
  columns: readonly Column[]
  contenders: readonly Contender[]
  reference: string
  rounds: number
  /** Skip the warm-up round. */
  cold?: boolean
}): Promise<Results> {
  const { title, columns, contenders, reference, rounds, cold = false } = options
  const present = contenders.filter((contender) => 'run' in contender)
  const results = new Map<string, Sample[]>(present.map(({ name }) => [name, []]))
  for (let round = cold ? 1 : 0; round <= rounds; round++) {
    // Each round starts with another contender, so that none always follows the same neighbour.
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
