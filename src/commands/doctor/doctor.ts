// metalkit doctor: checks everything that run needs, one check after another, each with a hint.
import { describeError, errorFields, exitCodeOf, exitCodes, MetalkitError } from '../../errors.ts'
import { wrap } from '../../help/page.ts'
import type { Context } from '../../io.ts'
import { type Check, type CheckResult, Skip } from './check.ts'
import { listChecks } from './checks.ts'
import type { CloudRow } from '../clouds/clouds.ts'
import { plainJson } from '../../text/plain-text.ts'
import type { DoctorOptions } from '../../options/command-flags.ts'

/** Longer than any useful answer takes. */
const patienceMs = 20_000

/** The result of a check. `warn` affects only some runs; `skip` means not checked. */
interface Result extends CheckResult {
  check: string
  status: 'ok' | 'warn' | 'fail' | 'skip'
  error?: unknown
}

/** Runs one check, and turns its error into a result. */
async function runCheck({ name, optional, look }: Check, context: Context): Promise<Result> {
  const patience = AbortSignal.timeout(patienceMs)
  let last = ''
  const note = (line: string) => {
    last = line
    context.report.debug(line)
  }
  const report = { ...context.report, detail: note, info: note, progress: note, event: () => {} }
  const signal = AbortSignal.any([context.signal, patience])
  try {
    const finding = await look({ ...context, report, signal })
    return { check: name, status: finding.hint === undefined ? 'ok' : 'warn', ...finding }
  } catch (error) {
    context.signal.throwIfAborted()
    if (error instanceof Skip) return { check: name, status: 'skip', detail: error.message }
    const status = optional === true ? 'warn' : 'fail'
    if (patience.aborted && !(error instanceof MetalkitError)) {
      const detail = `did not finish within ${patienceMs / 1000} s${last === '' ? '' : ` (${last})`}`
      return { check: name, status, detail, hint: 'check the network', error }
    }
    if (!(error instanceof MetalkitError)) throw error
    const { message: detail, hint } = errorFields(error)
    return { check: name, status, detail, ...(hint === undefined ? {} : { hint }), error }
  }
}

const statusColumns = 6

/** The text beside a check: wrapped in a terminal, elsewhere one line, for grep. */
function fit(text: string, indent: string, windowColumns: number | undefined): string {
  if (windowColumns === undefined) return text
  return wrap(text, Math.max(windowColumns - indent.length, 20)).join(`\n${indent}`)
}

/** Runs all checks; the exit code is that of the first failure. */
export async function examine(
  row: CloudRow,
  name: string | undefined,
  options: DoctorOptions,
  context: Context,
): Promise<number> {
  const { stdout, report } = context
  const failed: Result[] = []
  const checks = listChecks(row, options.imgName ?? name, options)
  const nameColumns = Math.max(...checks.map((check) => check.name.length)) + 2
  const indent = ' '.repeat(statusColumns + nameColumns)
  for (const check of checks) {
    if (report.live) report.progress(`checking ${check.name}`)
    const result = await runCheck(check, context)
    report.progress('')
    const { error: _error, ...shown } = result
    if (options.json) stdout.write(`${plainJson(shown)}\n`)
    else {
      const start = `${result.status.padEnd(statusColumns)}${result.check.padEnd(nameColumns)}`
      stdout.write(`${start}${fit(result.detail, indent, stdout.columns)}\n`)
      if (result.hint !== undefined) stdout.write(`${indent}${fit(`-> ${result.hint}`, indent, stdout.columns)}\n`)
    }
    if (result.status === 'fail') failed.push(result)
  }
  const [first] = failed
  if (first === undefined) return exitCodes.success
  report.detail(describeError(first.error))
  return exitCodeOf(first.error) === exitCodes.internal ? exitCodes.api : exitCodeOf(first.error)
}
