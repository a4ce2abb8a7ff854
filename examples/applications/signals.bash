# To be sourced. `run_into FILE COMMAND…` runs a command with its output here and in FILE, and returns its status.
#
# SIGTERM, SIGINT and SIGHUP are passed on to the command, and its end is waited for: Pulumi then lets requests that were sent come to their
# end, writes them into the state and releases the lock. Bash by itself would end and leave it behind. `stopped` is the signal's name.
stopped=
running=
pass_on() {
    stopped=$1
    if [ -n "$running" ]; then kill -s "$1" "$running" 2>/dev/null || true; fi
}
for signal in TERM INT HUP; do
    # shellcheck disable=SC2064 # the signal of this turn
    trap "pass_on $signal" "$signal"
done
# Else bash lets its background commands ignore SIGINT, and a Pulumi that does takes five seconds longer and cannot be stopped in order.
set -m

run_into() {
    local file=$1 folder tee status=0
    shift
    folder=$(mktemp -d)
    mkfifo "$folder/output"
    # Both ends are opened here: `tee` would wait for ever for a command that was stopped before it opened its own.
    exec 3<>"$folder/output"
    exec 4>"$folder/output" 5<"$folder/output"
    exec 3>&-
    rm -rf "$folder"
    tee "$file" <&5 4>&- 5<&- &
    tee=$!
    "$@" >&4 2>&1 </dev/null 4>&- 5<&- &
    running=$!
    exec 4>&- 5<&-
    # A signal came before there was anything to pass it on to.
    if [ -n "$stopped" ]; then pass_on "$stopped"; fi
    # A signal ends `wait`, not what is waited for.
    while kill -0 "$running" 2>/dev/null; do { wait "$running"; } 2>/dev/null || true; done
    { wait "$running"; } 2>/dev/null || status=$?
    running=
    while kill -0 "$tee" 2>/dev/null; do { wait "$tee"; } 2>/dev/null || true; done
    return "$status"
}
