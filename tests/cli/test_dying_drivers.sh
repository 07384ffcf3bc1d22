#!/bin/sh
# OpenCL drivers that die and end the process: what doctor says about them and about the other devices.
#
#   test_dying_drivers.sh PROGRAM ROOT DRIVER
set -eu
driver=$(realpath "$3")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# A clock for the program, which stands still until its driver hangs; seconds_pass then moves it.
clocks=0
new_clock() {
    clocks=$((clocks + 1))
    export DYING_CLOCK="$temporary/clock-$clocks"
}

# seconds_pass PROCESS COUNT: returns when the process has noticed them, or has ended.
seconds_pass() {
    head -c "$2" /dev/zero | tr '\0' . >>"$DYING_CLOCK"
    await "$1" cmp -s "$DYING_CLOCK" "$DYING_CLOCK.seen"
}

# in_vain ARGUMENT...: like `fails`, for a driver that hangs.
in_vain() {
    new_clock
    DYING=${DYING:-hang} fails "$@"
    unset DYING_CLOCK
}

# ---- a driver that dies while it is loaded, so in every program ----

mkdir vendors
echo "$driver" >vendors/dying.icd
vendors=${OCL_ICD_VENDORS-}
export OCL_ICD_VENDORS="$temporary/vendors"
DYING=abort fails 'OpenCL cannot be used here: .*dying.icd.* ended the process .signal 6,' doctor --json doctor.json
check 'the driver is named' has_line out '^  BAD  .*vendors/dying.icd: .*its driver ended the process .signal 6,'
check 'a remedy' has_line out 'remedy: .*take its .icd file away'
check 'no device in JSON' [ "$(cat doctor.json)" = '[]' ]
DYING='exit' fails 'OpenCL cannot be used here: .*dying.icd.* ended the process .exit code 3' doctor
(
    trap '' CHLD # a process that starts it may ignore how its children end
    DYING=abort "$program" doctor
) >out 2>err || true
check 'with SIGCHLD ignored, too' has_line err 'ended the process .signal 6,'
DYING=abort fails 'ended the process' doctor --json -
check 'JSON alone' [ "$(cat out)" = '[]' ]

# a driver that hangs while it is loaded, even if alarms are ignored
asan=${ASAN_OPTIONS-}
export LD_PRELOAD="$driver" ASAN_OPTIONS="$asan:verify_asan_link_order=0"
in_vain 'OpenCL cannot be used here: .*dying.icd.* did not come back within 2 s' doctor --patience 2 --json doctor.json
check 'one that hangs is named' has_line out '^  BAD  .*vendors/dying.icd: .*its driver did not come back within 2 s'
check 'one that hangs: no device in JSON' [ "$(cat doctor.json)" = '[]' ]
new_clock
(
    trap '' ALRM
    DYING=hang "$program" doctor --patience 2
) >out 2>err || true
check 'with SIGALRM ignored, too' has_line err 'did not come back within 2 s'
unset LD_PRELOAD DYING_CLOCK

# ---- a report that cannot be sent ----

# the file's size is limited: no driver is to blame
(
    ulimit -f 0
    OCL_ICD_VENDORS="$absent" "$program" doctor 2>&1 >/dev/null && echo 'exit 0'
) | cat >err
check 'no space: it says so' has_line err '^clmlp: doctor: no memory for its report, or no space: it lacks a part'
check 'no space: and what it means' has_line err '^clmlp: doctor: the results that the child process could not send are lost'
check 'no space: exit 1' lacks_line err '^exit 0'
check 'no space: no driver is blamed' lacks_line err 'ended the process'

# ---- standard streams that are closed ----

# no file of ours takes their place; there is no driver, so none is blamed
(OCL_ICD_VENDORS="$absent" "$program" doctor --json closed.json 2>err >&-) || true
check 'standard output is closed: it says so' has_line err 'standard output could not be written'
check 'standard output is closed: the report is written' [ "$(cat closed.json)" = '[]' ]
rm closed.json
(OCL_ICD_VENDORS="$absent" "$program" doctor --json closed.json >out 2>&-) || true
check 'standard error is closed: the report is written' [ "$(cat closed.json)" = '[]' ]
check 'standard error is closed: the table' has_line out 'there is no OpenCL'

# ---- a driver that dies on a device ----

in_sample 0 1 || finish
unset OCL_ICD_VENDORS
[ -z "$vendors" ] || export OCL_ICD_VENDORS="$vendors"
require_device 'dying drivers'
# PoCL has a device by each of these names
export POCL_DEVICES='basic pthread' LD_PRELOAD="$driver"
run devices --device no-such-device # lists devices, tries none
if [ "$(grep -c '^. [0-9]*:[0-9]*  \(basic\|pthread\)' out)" -ne 2 ]; then
    [ "${CLMLP_REQUIRE_ALL:-0}" != 1 ] || failed 'no PoCL with two devices'
    echo 'SKIP dying drivers on a device: no PoCL with two'
    finish
fi
# kernels that do not build: the second device is done soon
mkdir kernels
cp "$root"/kernels/*.cl kernels
echo 'no kernel' >kernels/softmax.cl
export DYING_CALL=clBuildProgram DYING_DEVICE=basic CLMLP_KERNEL_DIR="$temporary/kernels"
fails 'none of the 2 devices' doctor --patience 0 --json doctor.json
check 'the device is refused' has_line out 'verdict: refused. its driver ended the process .signal 6, .* at the kernels that all'
check 'with a remedy' [ "$(grep -c '^  remedy: ' out)" -eq 2 ]
check 'the next one is tried' has_line out 'verdict: refused\. .*softmax.cl .*does not build'
check 'both in JSON' [ "$(grep -c '"verdict": "refused"' doctor.json)" -eq 2 ]
check 'why, in JSON' has_line doctor.json '"reason": "its driver ended the process'
check 'findings are printed once' [ "$(grep -c '^platforms' out)" -eq 1 ]
platforms=$(sed -n '/^platforms/,/^$/p' out | grep -c '^  [^ ]')
check 'findings are with both in JSON' [ "$(grep -c '"section": "platforms"' doctor.json)" -eq $((2 * platforms)) ]
fails 'a device, driver .* ended the process .signal 6,' doctor --json -
check 'JSON alone, of both' [ "$(grep -c '"verdict": "refused"' out)" -eq 2 ]
check 'it is JSON' python3 -m json.tool out /dev/null
# the second process dies as it looks for the second device
DYING_FILE="$temporary/file" fails 'a driver ended the process .* at platform 0; the other devices' doctor --json doctor.json
check 'where it died' has_line out '^  BAD  platform 0: its driver ended the process .signal 6,'
check 'under what it belongs to' [ "$(grep -c '^platforms' out)" -eq 2 ]
check 'the first device in JSON' [ "$(grep -c '"verdict": "refused"' doctor.json)" -eq 1 ]
# and the first process, too
DYING_FILE="$temporary/file" fails 'OpenCL cannot be used here: platform 0 ended' doctor
check 'under a heading of its own' [ "$(grep -c '^platforms' out)" -eq 1 ]
unset CLMLP_KERNEL_DIR
export DYING_CALL=clEnqueueNDRangeKernel DYING_DEVICE=pthread
fails 'none of the 1 device' doctor --device pthread
check 'what was checked is named' has_line out 'ended the process .* at shared, in check 1 of [0-9]* .gather'
check 'with what repeats it' has_line out '^       again: clmlp verify --device 0:[01] --only gather.* --shape '
# a SIGKILL may not come from the driver
export DYING='kill'
fails 'none of the 1 device' doctor --device pthread
check 'killed: it is told' has_line out 'refused. the process was killed .signal 9, .* as happens if memory or time runs out'
check 'killed: what to do' has_line out 'whether memory or time ran out, and try again'
unset DYING
in_vain 'none of the 1 device' doctor --patience 10 --device pthread --json doctor.json
check 'hanging: it is told' has_line out 'refused. its driver did not come back within 10 s at shared, in check 1 of'
check 'hanging: with what repeats it' has_line out '^       again: clmlp verify --device 0:[01] --only gather.* --shape '
check 'hanging: what to do' has_line out 'only slow, --patience 0'
check 'hanging: the reason in JSON' has_line doctor.json '"reason": "its driver did not come back within 10 s at '
# a driver's output is not in the report
DYING_WORDS='a driver prints' run doctor --device pthread --json -
check 'doctor: JSON alone' python3 -m json.tool out /dev/null
check 'doctor: the words are elsewhere' has_line err 'a driver prints'
DYING_WORDS='a driver prints' DYING_DEVICE=none run devices --json -
check 'devices: JSON alone' python3 -m json.tool out /dev/null
check 'devices: the words are elsewhere' has_line err 'a driver prints'
# verify says where it died, and its report is for the driver's makers
fails 'its driver ended the process .signal 6, .* at softmax B=.*; again: clmlp verify --device .* --only softmax --shape ' \
    verify --device pthread --only softmax --json report.json
check 'verify: what killed it, in JSON' has_line report.json '"error": "its driver ended the process .signal 6, '
check 'verify: whose driver it was' has_line report.json '"driver": "'
check 'verify: not passed' has_line report.json '^ *"passed": false'
export DYING_AFTER=30
fails 'its driver ended the process' verify --device pthread --only softmax --json report.json
check 'verify: what was checked before, in JSON' [ "$(grep -c '"operation": "softmax"' report.json)" -ge 10 ]
check 'verify: and in the table' [ "$(grep -c '^softmax .*  ok$' out)" -eq "$(grep -c '"passed": true' report.json)" ]
fails 'its driver ended the process' verify --device pthread --only softmax --json -
check 'verify: JSON alone' python3 -m json.tool out /dev/null
DYING='kill' fails 'the process was killed .signal 9, .* as happens if memory or time runs out' verify --device pthread --only softmax
# a check that hangs: the first interrupt waits for its end, the second does not
DYING=hang DYING_FILE="$temporary/reached-by-verify" start "$program" verify --device pthread --only softmax --json report.json
await $process [ -e reached-by-verify ]
kill -TERM $process
await $process has_line err 'note: stopping'
check 'verify, hanging: the first interrupt is heard' has_line err '^clmlp: verify: note: stopping after this check'
kill -TERM $process
status=0
wait $process || status=$?
check 'verify, hanging: the second ends it' [ "$status" -eq 1 ]
check 'verify, hanging: at what' has_line report.json '"error": "it was interrupted at softmax B='
check 'verify, hanging: what was checked before' [ "$(grep -c '"passed": true' report.json)" -ge 10 ]
unset DYING_AFTER
# an interrupt that reaches both processes, like Ctrl-C, counts once
DYING_DEVICE=none start setsid "$program" verify --device pthread --json report.json
await $process has_line out '  ok$'
env kill -INT -- "-$process"
status=0
wait $process || status=$?
check 'verify, a group is interrupted: exit 1' [ "$status" -eq 1 ]
check 'verify, a group is interrupted: it ends after its check' has_line err '^clmlp: verify: interrupted after [0-9]* check'
check 'verify, a group is interrupted: so does the report' has_line report.json '"error": "interrupted after [0-9]* check'
# if its output has no reader, or cannot be written, the report is still written, and no driver is blamed
DYING_DEVICE=none "$program" verify --device pthread --json report.json 2>err | head -n 1 >out
check 'verify, unread: the report says so' has_line report.json '"error": "the reader of the output has gone, at '
check 'verify, unread: so does a sentence' has_line err '^clmlp: verify: the reader of the output has gone'
rm report.json
DYING_AFTER=30 "$program" verify --device pthread --only softmax --quiet --json report.json 2>&1 >/dev/null | true
check 'verify, its sentence is unread: the report is written' has_line report.json '"error": "its driver ended the process'
DYING_DEVICE=none python3 - "$program" <<'END'
import socket, subprocess, sys
ours, theirs = socket.socketpair()
process = subprocess.Popen([sys.argv[1], "verify", "--device", "pthread", "--json", "report.json"], stdout=theirs,
                           stderr=subprocess.DEVNULL)
theirs.close()
ours.recv(1 << 16)
ours.close()
process.wait()
END
check 'verify, unread through a socket: no driver is blamed' has_line report.json '"error": "the reader of the output has gone, at '
rm doctor.json
new_clock
DYING=hang "$program" doctor --patience 2 --device pthread --json doctor.json 2>/dev/null | true
unset DYING_CLOCK
check 'doctor, a hanging driver unread: the report is written' python3 -m json.tool doctor.json /dev/null
status=0
DYING_DEVICE=none "$program" verify --device pthread --only softmax --quiet --json report.json >/dev/full 2>err || status=$?
check 'verify, a full disk: exit 1' [ "$status" -eq 1 ]
check 'verify, a full disk: a sentence' has_line err '^clmlp: verify: standard output could not be written'
check 'verify, a full disk: the report stands' has_line report.json '^ *"passed": true,$'
rm doctor.json
DYING_CALL=none "$program" doctor --device pthread --json doctor.json 2>err | head -n 1 >out
check 'doctor, unread: the report is written' python3 -m json.tool doctor.json /dev/null
check 'doctor, unread: so does a sentence' has_line err '^clmlp: doctor: the reader of the output has gone'
# time while the process is stopped is no silence
new_clock
: >"$DYING_CLOCK"
DYING_FILE="$temporary/reached-by-doctor" DYING=hang start setsid "$program" doctor --patience 3 --device pthread --json doctor.json
await $process [ -e reached-by-doctor ]
env kill -STOP -- "-$process"
sleep 4 # longer than its patience
env kill -CONT -- "-$process"
seconds_pass $process 1
check 'doctor: time that it slept through is none' cmp -s "$DYING_CLOCK" "$DYING_CLOCK.seen"
seconds_pass $process 100
unset DYING_CLOCK
wait $process || true
check 'doctor: and then it is' has_line doctor.json '"reason": "its driver did not come back within 3 s at '
# a terminal shows what is being tried, and the line is removed again
TERM=xterm script -qec "'$program' doctor --device pthread" shown </dev/null >/dev/null || true
tr '\r' '\n' <shown | grep -v '^$' >out
check 'a terminal shows what is being tried' has_line out 'shared, in check 1 of .*…$'
check 'nothing of it is left' awk 'left && !/^\033\[K/ { exit 1 } { left = /…$/ }' out

# ---- an interrupt ----

export DYING=hang # so that it does not end before
interrupt '^  ok   compiler' doctor --device pthread --json doctor.json
check 'interrupted: exit 1' [ "$status" -eq 1 ]
check 'interrupted: it says so' has_line err '^clmlp: doctor: interrupted'
check 'interrupted: the report is written' has_line doctor.json '"reason": "it was interrupted at '
DYING=interrupt fails 'interrupted; the devices' doctor --device pthread --json -
check 'interrupted: JSON alone' [ "$(grep -c '"reason": "it was interrupted at shared, in check 1 of' out)" -eq 1 ]
check 'interrupted: no driver is blamed' lacks_line err 'ended the process'

# if it comes after a device is done and before the next process starts, the report stays
unset DYING
export DYING_CALL=clBuildProgram DYING_DEVICE=basic
interrupt '^  remedy:  update its driver' doctor --json doctor.json
check 'interrupted between devices: exit 1' [ "$status" -eq 1 ]
check 'interrupted between devices: it says so' has_line err '^clmlp: doctor: interrupted'
check 'interrupted between devices: what was found' has_line doctor.json '"reason": "its driver ended the process'
new_clock
: >"$DYING_CLOCK"
(
    trap '' TERM
    CLMLP_KERNEL_DIR="$temporary/kernels" DYING=interrupt DYING_DEVICE=pthread DYING_FILE="$temporary/reached" \
        exec "$program" doctor --device pthread
) >out 2>err &
process=$!
await $process [ -e reached ]
check 'an interrupt was sent' [ -e reached ]
seconds_pass $process 1
unset DYING_CLOCK
check 'an interrupt that is ignored ends nothing' kill -KILL $process
wait $process || true

# ---- a driver whose device is gone after its death, and a good driver after it ----

export DYING_GONE=1 DYING_FILE="$temporary/gone"
succeeds doctor --json doctor.json
check 'the device after it is examined' has_line out '^1 of 2 devices can be trained on'
check 'it is good' has_line out 'verdict: good'
check 'both are in JSON' [ "$(grep -c '"verdict"' doctor.json)" -eq 2 ]
unset DYING_GONE DYING_FILE DYING_CALL

# ---- a driver that dies while the process ends ----

unset LD_PRELOAD POCL_DEVICES
cp "${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}"/pocl*.icd vendors
export OCL_ICD_VENDORS="$temporary/vendors" DYING=end CLMLP_KERNEL_DIR="$temporary/kernels"
fails 'a driver ended the process .signal 6, .* at exit, after all checks' doctor
DYING=leave fails 'a driver ended the process .exit code 3. at exit, after all checks' doctor
LD_PRELOAD=$driver DYING=stay in_vain 'a driver did not come back within [0-9]* s at exit, after all checks' doctor --patience 10
# verify's results stay
unset CLMLP_KERNEL_DIR
fails 'a driver ended the process .signal 6, .* at exit, after all checks' verify --only softmax --json report.json
check 'verify, an end that dies: in JSON' has_line report.json '"at_end": "the driver ended the process .signal 6, '
check 'verify, an end that dies: all passed' has_line report.json '^ *"passed": true,$'
check 'verify, an end that dies: no error' lacks_line report.json '"error":'
DYING=end run verify --only softmax --shape 'B=7'
check 'verify, an end that dies: usage is wrong still' [ "$status" -eq 2 ]
DYING=stay DYING_FILE="$temporary/reached-the-end" start "$program" verify --only softmax --json report.json
await $process [ -e reached-the-end ]
kill -TERM $process
await $process has_line err 'note: stopping'
kill -TERM $process
status=0
wait $process || status=$?
check 'verify, an end that hangs, interrupted: exit 1' [ "$status" -eq 1 ]
check 'verify, an end that hangs, interrupted: a sentence' has_line err '^clmlp: verify: interrupted at exit, after all checks'
check 'verify, an end that hangs, interrupted: in JSON' has_line report.json '"at_end": "interrupted"'
check 'verify, an end that hangs: all passed' has_line report.json '^ *"passed": true,$'
export CLMLP_KERNEL_DIR="$temporary/kernels"
# a later interrupt leaves nothing out
DYING=interrupt fails 'none of the [0-9]* devices* found can be trained on' doctor
mv vendors/dying.icd vendors/z.icd # after PoCL's
DYING=abort fails 'OpenCL cannot be used here: .*z.icd' doctor
check 'under the heading of the drivers before it' [ "$(grep -c '^drivers' out)" -eq 1 ]
rm vendors/pocl*.icd
DYING=interrupt fails 'no OpenCL platform: ' doctor
finish
