// The replies of --on and --send.
import { UsageError } from '../../errors.ts'
import type { ConsoleOptions } from '../../options/command-flags.ts'

/** @throws UsageError unless --on and --send come in pairs; called before any request */
export function checkReplies({ on, send }: Pick<ConsoleOptions, 'on' | 'send'>): void {
  if (on.length !== send.length) {
    throw new UsageError(`--on and --send differ in number (${on.length} and ${send.length})`, {
      hint: "pass them in pairs: --on 'login:' --send 'root\\r'",
    })
  }
}
