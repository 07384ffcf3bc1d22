#!/bin/sh
# OpenCL drivers that die and take the process with them: what doctor says of them, and of the other devices.
#
#   test_dying_drivers.sh PROGRAM ROOT DRIVER
set -eu
driver=$(realpath "$3")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# ---- one that dies as it is loaded, and so in every program ----

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
    trap '' CHLD # whoever starts it may ignore how its own processes end
    DYING=abort "$program" doctor
) >out 2>err || true
check 'with SIGCHLD ignored, too' has_line err 'ended the process .signal 6,'
DYING=abort fails 'ended the process' doctor --json -
check 'JSON alone' [ "$(cat out)" = '[]' ]

# ---- one that dies on a device ----

unset OCL_ICD_VENDORS
[ -z "$vendors" ] || export OCL_ICD_VENDORS="$vendors"
require_device 'dying drivers'
# PoCL has a device by each of these names
export POCL_DEVICES='basic pthread' LD_PRELOAD="$driver" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
run devices --device no-such-device # tries none
if [ "$(grep -c '^. [0-9]*:[0-9]*  \(basic\|pthread\)' out)" -ne 2 ]; then
    [ "${CLMLP_REQUIRE_ALL:-0}" != 1 ] || failed 'no PoCL with two devices'
    echo 'SKIP dying drivers on a device: no PoCL with two'
    finish
fi
# kernels that do not build: the second device is soon done with
mkdir kernels
cp "$root"/kernels/*.cl kernels
echo 'no kernel' >kernels/softmax.cl
export DYING_CALL=clBuildProgram DYING_DEVICE=basic CLMLP_KERNEL_DIR="$temporary/kernels"
fails 'none of the 2 devices' doctor --json doctor.json
check 'the device is refused' has_line out 'verdict: refused. its driver ended the process .signal 6, .* at the kernels that all'
check 'with a remedy' [ "$(grep -c '^  remedy: ' out)" -eq 2 ]
check 'the next one is tried' has_line out 'verdict: refused\. .*softmax.cl does not build'
check 'both in JSON' [ "$(grep -c '"verdict": "refused"' doctor.json)" -eq 2 ]
check 'why, in JSON' has_line doctor.json '"reason": "its driver ended the process'
check 'findings are printed once' [ "$(grep -c '^platforms' out)" -eq 1 ]
platforms=$(sed -n '/^platforms/,/^$/p' out | grep -c '^  [^ ]')
check 'findings are with both in JSON' [ "$(grep -c '"section": "platforms"' doctor.json)" -eq $((2 * platforms)) ]
unset CLMLP_KERNEL_DIR
export DYING_CALL=clEnqueueNDRangeKernel DYING_DEVICE=pthread
fails 'none of the 1 device' doctor --device pthread
check 'what was checked is named' has_line out 'ended the process .* at shared, in its first check'

# ---- an interrupt ----

unset DYING_CALL
interrupt '^  ok   compiler' doctor --device pthread --json doctor.json
check 'interrupted: exit 1' [ "$status" -eq 1 ]
check 'interrupted: it says so' has_line err '^clmlp: doctor: interrupted'
check 'interrupted: the report is written' has_line doctor.json '"reason": "it was interrupted at '

# ---- and one as the process ends ----

unset LD_PRELOAD POCL_DEVICES
cp "${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}"/pocl*.icd vendors
export OCL_ICD_VENDORS="$temporary/vendors" DYING=end CLMLP_KERNEL_DIR="$temporary/kernels"
fails 'a driver ended the process .signal 6, .* as it was to end' doctor
DYING=leave fails 'a driver ended the process .exit code 3. as it was to end' doctor
finish
