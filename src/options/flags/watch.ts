// Flags of what the console shows: what ends the run, what is typed for an answer.
import { boolean, list, value } from './flag.ts'
import { parseDuration, parseKeys, parsePattern } from './values.ts'

export const watchFlags = {
  waitFor: list(
    {
      name: 'wait-for',
      placeholder: 'regex',
      help: 'end with success when a line of the console shows it; repeated: all of them, in this order',
    },
    parsePattern,
  ),
  failOn: list(
    {
      name: 'fail-on',
      placeholder: 'regex',
      help: 'end with exit code 8 when a line of the console shows it; repeatable',
    },
    parsePattern,
  ),
  noDefaultFailures: boolean({
    name: 'no-default-failures',
    fallback: 'false',
    help: 'without a terminal or with --wait-for, do not end on a kernel panic or a failed boot',
  }),
  on: list(
    { name: 'on', placeholder: 'regex', help: 'when the console shows it, type the --send after it; repeatable' },
    parsePattern,
  ),
  send: list(
    { name: 'send', placeholder: 'text', help: 'what to type after the --on before it; \\r is the return key' },
    parseKeys,
  ),
  timeout: value(
    {
      name: 'timeout',
      placeholder: 'duration',
      computed: '30m',
      help: 'time limit: of the whole run without a terminal; at a terminal of the wait for the machine, and of --wait-for',
    },
    parseDuration,
  ),
}
