#!/usr/bin/env sh
# The first lines of the program (rolldown.config.ts puts them there): Node forgets which signals it was started to ignore,
# so a shell looks first, and becomes Node. A trap has no effect on a signal that was ignored when the shell started.
export METALKIT_SIGHUP=ignored
trap 'unset METALKIT_SIGHUP' HUP
kill -HUP $$
trap - HUP
command -v node >/dev/null || { echo 'metalkit: node is not in PATH; install Node 20.19 or later, or add its folder to PATH' >&2; exit 127; }
exec node "$0" "$@"
