// A console in the log of GitHub Actions: folded, its text kept from being taken for commands of the runner, and a failure
// as an annotation (docs.github.com, "Workflow commands for GitHub Actions").
import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import { InterruptedError, messageOf } from '../../errors.ts'

/** What a command's text may not hold as it is. */
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

/** On a runner an ActionsLog, elsewhere nothing. Under --json the stream is no log: then there is no fold. */
export function createActionsLog(
  env: Record<string, string | undefined>,
  streams: { log: Writable; fold: boolean },
  title: string,
): ActionsLog | undefined {
  if (env['GITHUB_ACTIONS'] !== 'true') return undefined
  const { log, fold } = streams
  // What a machine prints could read `::set-output …`: commands count again only after a word it cannot know.
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
