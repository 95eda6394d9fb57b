// KVM that works by half, played by QEMU without it: a program of QEMU's name, first in the PATH, that puts TCG in the place of KVM
// and then fails in one of the ways that were observed. With TCG it works normally.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

import { findProgram } from '../helpers/needs.ts'

const faults = {
  /** QEMU says at once what is wrong, and aborts. */
  aborts: 'echo "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69" >&2; kill -ABRT $$',
  /** The firmware speaks, then QEMU stops the processors, and says so on its control socket alone. */
  stops: `(sleep 2; exec node -e '
    const socket = require("net").connect(process.argv[1])
    socket.write("{\\"execute\\":\\"qmp_capabilities\\"}{\\"execute\\":\\"stop\\"}")
    setTimeout(() => socket.end(), 500)
  ' "$0.$$") </dev/null >/dev/null 2>&1 3>&- &
  set -- "$@" -qmp "unix:$0.$$,server=on,wait=off"`,
  /** The firmware speaks, then QEMU stands still, and its control socket too. */
  freezes: '(sleep 2; kill -STOP $$) </dev/null >/dev/null 2>&1 3>&- &',
  /** Nothing is wrong with it. */
  works: '',
}

/** Puts such a QEMU first in the PATH; disposing it takes it away. Each start is a line of `starts`. */
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
