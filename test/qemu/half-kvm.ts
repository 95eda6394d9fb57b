// A half-working KVM, simulated by QEMU without KVM: a program named like QEMU, first in the PATH, that replaces KVM by TCG
// and then fails in one of the ways that were observed. With TCG it works normally.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import { findProgram } from '../helpers/needs.ts'

const faults = {
  /** QEMU reports the problem immediately, and aborts. */
  aborts: 'echo "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69" >&2; kill -ABRT $$',
  /** The firmware prints, then QEMU stops the processors, and reports that only on its control socket. */
  stops: `(sleep 2; exec node -e '
    const socket = require("net").connect(process.argv[1])
    socket.write("{\\"execute\\":\\"qmp_capabilities\\"}{\\"execute\\":\\"stop\\"}")
    setTimeout(() => socket.end(), 500)
  ' "$0.$$") </dev/null >/dev/null 2>&1 3>&- &
  set -- "$@" -qmp "unix:$0.$$,server=on,wait=off"`,
  /** The firmware prints, then QEMU hangs, including its control socket. */
  freezes: '(sleep 2; kill -STOP $$) </dev/null >/dev/null 2>&1 3>&- &',
  /** It works. */
  works: '',
}

/** Puts such a QEMU first in the PATH; disposing it removes it. Each start adds a line to `starts`. */
export function playHalfKvm(fault: keyof typeof faults): Disposable & { folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'metalkit-half-kvm-'))
  const program = join(folder, 'qemu-system-x86_64')
  const script = `#!/bin/bash
case " $* " in *" -accel kvm "*)
  args=()
  while [ $# -gt 0 ]; do
    case $1 in kvm) args+=(tcg,thread=multi);; host) args+=(max);; *) args+=("$1");; esac
    shift
  done
  set -- "\${args[@]}"
  ${faults[fault]}
esac
exec '${findProgram('qemu-system-x86_64') ?? ''}' "$@"
`
  writeFileSync(program, script)
  chmodSync(program, 0o755)
  const { PATH } = process.env
  process.env['PATH'] = `${folder}${delimiter}${PATH ?? ''}`
  return {
    folder,
    [Symbol.dispose]() {
      process.env['PATH'] = PATH
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
