// The console in a GitHub Actions log: folded, with its text not interpreted as workflow commands, and failures annotated
// (docs.github.com, "Workflow commands for GitHub Actions").
import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import { InterruptedError, messageOf } from '../../errors.ts'

/** Escapes a workflow command's text. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** The console's part of a log. Disposing ends the fold. */
export interface ActionsLog extends Disposable {
  /** Begins the fold, before the console's first bytes. */
  begin(): void
  /** Annotates the run with an error and the last lines of the console. */
  fail(error: unknown, lastLines: readonly string[]): void
}

/** An ActionsLog on a runner, undefined elsewhere. With --json stdout is not a log, so nothing is folded. */
export function createActionsLog(
  env: Record<string, string | undefined>,
  streams: { log: Writable; fold: boolean },
  title: string,
): ActionsLog | undefined {
  if (env['GITHUB_ACTIONS'] !== 'true') return undefined
  const { log, fold } = streams
  // A machine could print `::set-output …`: commands are off until a token that it cannot know.
  const token = randomUUID()
  let begun = false
  const end = () => {
    if (begun) log.write(`\n::${token}::\n::endgroup::\n`)
    begun = false
  }
  return {
    begin() {
      if (!fold || begun) return
      begun = true
      log.write(`::group::${escapeData(title)}\n::stop-commands::${token}\n`)
    },
    fail(error, lastLines) {
      end()
      if (error instanceof InterruptedError) return
      const message = messageOf(error)
      log.write(`::error title=metalkit::${escapeData([message, ...lastLines].join('\n'))}\n`)
    },
    [Symbol.dispose]: end,
  }
}
