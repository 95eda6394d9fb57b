// Flags of the patterns on the console: which end the run, and which are answered.
import { boolean, list, value } from './flag.ts'
import { parseDuration, parseKeys, parsePattern } from './values.ts'

export const watchFlags = {
  waitFor: list(
    {
      name: 'wait-for',
      placeholder: 'regex',
      help: 'end with success when a line of the console matches; if repeated, the patterns must appear in that order',
    },
    parsePattern,
  ),
  failOn: list(
    {
      name: 'fail-on',
      placeholder: 'regex',
      help: 'end with exit code 8 when a line of the console matches; repeatable',
    },
    parsePattern,
  ),
  noDefaultFailures: boolean({
    name: 'no-default-failures',
    fallback: 'false',
    help: 'without a terminal, or with --wait-for or --fail-on: do not end on a kernel panic or a failed boot',
  }),
  on: list(
    {
      name: 'on',
      placeholder: 'regex',
      help: 'when a line of the console matches, type the text of the next --send; repeatable',
    },
    parsePattern,
  ),
  send: list(
    { name: 'send', placeholder: 'text', help: 'text to type for the preceding --on; \\r is the return key' },
    parseKeys,
  ),
  timeout: value(
    {
      name: 'timeout',
      placeholder: 'duration',
      computed: '30m',
      help: 'time limit of the whole run; in a terminal, only of the wait for the machine and of --wait-for',
    },
    parseDuration,
  ),
}
