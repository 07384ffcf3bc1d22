#!/bin/sh
# tools/bundle makes a folder that runs elsewhere, with its own libraries; gpu-trial of this folder writes a
# whole report, whatever happens in a phase.
#
#   test_bundle.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"
unset CLMLP_DEVICE CLMLP_BUNDLE_SPARE CLMLP_BUNDLE_LIST LD_LIBRARY_PATH

# does COMMAND...: sets out, err and status.
does() {
    status=0
    "$@" >out 2>err || status=$?
}

# ---- the folder ----

does "$root/tools/bundle" --program "$program" --tar made
check 'tools/bundle makes a folder and an archive' [ "$status" -eq 0 ]
[ "$failures" -eq 0 ] || finish
mkdir 'another place'
tar -xzf made.tar.gz -C 'another place'
rm -r made made.tar.gz
bundle="$temporary/another place/made"

# shellcheck disable=SC2016 # for the other shell
does sh -c 'cd "$1" && sed 1d MANIFEST | sha256sum --check --quiet' sh "$bundle"
check 'MANIFEST has the sum of each file' [ "$status" -eq 0 ]
check 'MANIFEST has every file' [ "$(sed 1d "$bundle/MANIFEST" | wc -l)" -eq "$(find "$bundle" -type f ! -name MANIFEST | wc -l)" ]
find "$bundle" -name '*.so*' -type f >libraries
for name in libOpenCL.so.1 libclblast.so.1 libjansson.so.4 spare/libstdc++.so.6 spare/libz.so.1; do
    check "it has $name" has_line libraries "/lib/$(printf '%s' "$name" | sed 's/+/\\+/g; s|^spare/.*|&/[^/]*|')\$"
done
check 'it has no C library and no driver' lacks_line libraries \
    '/(ld-linux.*|lib(c|m|dl|pthread|rt)|lib(pocl|LLVM|[A-Z][A-Za-z]+OpenCL|cuda|nvidia).*)\.so'
check 'a C++ runtime is only a spare one' lacks_line libraries '/lib/(libstdc|libgcc)'
check 'README names each library with its package' \
    [ "$(grep -Ec '^\| lib[^ |]*\.so[^ |]* \| [^ |]+ \| [^ |]+ \|$' "$bundle/README.md")" -eq "$(wc -l <libraries)" ]
sed -n 's/^| lib[^ ]*\.so[^ ]* | \([^ ]*\) .*/\1/p' "$bundle/README.md" | while read -r package; do
    [ -s "$bundle/licences/$package/copyright" ] || echo "$package"
done >without
check 'each package has its licence' is_empty without
check 'README names the C library that it needs' has_line "$bundle/README.md" 'with glibc 2\.[0-9]+ or later'
check 'nothing is left to fill in' [ "$(grep -c '@[A-Z]*@' "$bundle/README.md" "$bundle/clmlp" | grep -vc ':0$')" -eq 0 ]

does "$bundle/clmlp" --version
check 'it runs' has_line out '^clmlp [0-9.]+$'
ln -s "$bundle/clmlp" linked
does ./linked data info --data nowhere
check 'it runs by a link, and gives its exit code' [ "$status" -eq 1 ]

# Libraries of the program that are not in the folder.
foreign() { grep -E ' => ' out | grep -vF " => $bundle/lib/" || true; }
does env CLMLP_BUNDLE_LIST=1 CLMLP_BUNDLE_SPARE=all "$bundle/clmlp"
foreign >others
check 'with all spare ones, only the C library is the machine'"'"'s' lacks_line others '^[[:space:]]*lib[^cm]'
check 'it needs the C library' has_line others '^[[:space:]]*libc\.so'
does env CLMLP_BUNDLE_LIST=1 "$bundle/clmlp"
foreign >others
check 'the C++ runtime of this machine comes first' has_line others 'libstdc\+\+'

# ---- what it refuses ----

mkdir folder none
does "$root/tools/bundle" --program "$program" folder
check 'a folder that is no bundle stays' [ "$status" -eq 1 ]
check 'it is named' has_line err '^bundle: .*/folder exists and is no bundle'
does "$root/tools/bundle" --no-such-option
check 'tools/bundle: wrong usage' [ "$status" -eq 2 ]
does "$bundle/gpu-trial" --no-such-option
check 'gpu-trial: wrong usage' [ "$status" -eq 2 ]
does "$bundle/gpu-trial" --limit soon
check 'gpu-trial: no number' has_line err '^gpu-trial: --limit soon: it is a number'
does "$bundle/gpu-trial" --out nowhere/report.md
check 'gpu-trial: no place for the report' has_line err '^gpu-trial: nowhere/report.md cannot be written'
does "$bundle/gpu-trial" --out none
check 'gpu-trial: a folder as report' has_line err '^gpu-trial: none cannot be written'
does "$bundle/gpu-trial" --help
check 'gpu-trial: help' has_line out '^  --device D'

# ---- a machine that has only a C library and a shell ----

machine=$temporary/machine
inside() { does env -i HOME=/home PATH=/bin:/usr/bin:/sbin:/usr/sbin "$@"; }
if [ "$(id -u)" -eq 0 ] && chroot / true 2>/dev/null; then
    as_root='env'
elif unshare --map-root-user chroot / true 2>/dev/null; then
    as_root='unshare --map-root-user'
else
    as_root=
    [ "${CLMLP_REQUIRE_ALL:-0}" != 1 ] || failed 'neither root nor namespaces of users: no other machine can be played'
fi
# shellcheck disable=SC2086 # as_root may be two words
on_machine() { inside $as_root chroot "$machine" "$@"; }

if [ -n "$as_root" ]; then
    mkdir -p "$machine/bin" "$machine/dev" "$machine/tmp" "$machine/home" "$machine/etc/OpenCL/vendors"
    : >"$machine/dev/null"
    for tool in sh sed sort dirname readlink uname mkdir grep rm ln mv ls head mktemp; do
        cp -L "$(command -v "$tool")" "$machine/bin/"
        # these tools need no library but the C library's, apart from a few
        ldd "$(command -v "$tool")" | grep -o '/[^ ]*' | while read -r file; do
            mkdir -p "$machine$(dirname "$file")"
            cp -Ln "$file" "$machine$file"
        done
    done
    libc=$(ldd "$bundle/bin/clmlp" | sed -n 's/.*libc\.so\.6 => \([^ ]*\) .*/\1/p')
    folder=$(dirname "$libc")
    cp -Ln "$folder"/libm.so.6 "$machine$folder/"
    cp -R "$bundle" "$machine/bundle"

    on_machine /bundle/clmlp --version
    check 'it runs where no library is installed' has_line out '^clmlp [0-9.]+$'
    on_machine /bin/sh -c 'CLMLP_BUNDLE_LIST=1 /bundle/clmlp'
    check 'there it takes the spare C++ runtime' has_line out 'libstdc\+\+.* => /bundle/lib/spare/'

    # a library of the machine that is too old
    echo 'ZLIB_0.1 { global: old; };' >versions
    echo 'void old(void) {}' | cc -shared -fPIC -o "$machine$folder/libz.so.1" -Wl,-soname,libz.so.1 \
        -Wl,--version-script,versions -x c -
    on_machine /bin/sh -c 'CLMLP_BUNDLE_LIST=1 /bundle/clmlp'
    check 'an older library of the machine is replaced' has_line out 'libz\.so\.1 => /bundle/lib/spare/'
    rm "$machine$folder/libz.so.1"

    # NVIDIA's driver without its .icd file, beside another driver
    echo libother.so >"$machine/etc/OpenCL/vendors/other.icd"
    on_machine /bundle/clmlp devices
    check 'without an NVIDIA driver, nothing is made' [ ! -e "$machine/home/.cache" ]
    mkdir -p "$machine/usr/local/nvidia/lib64"
    : >"$machine/usr/local/nvidia/lib64/libnvidia-opencl.so.1"
    on_machine /bundle/clmlp doctor
    vendors=$machine/home/.cache/clmlp/vendors
    check 'an NVIDIA driver without .icd gets one' \
        has_line "$vendors/nvidia.icd" '^/usr/local/nvidia/lib64/libnvidia-opencl\.so\.1$'
    check 'the other driver stays' [ "$(readlink "$vendors/other.icd")" = /etc/OpenCL/vendors/other.icd ]
    check 'both are tried' has_line out 'nvidia\.icd'
    check 'both are tried' has_line out 'other\.icd'
    rm "$machine/etc/OpenCL/vendors/other.icd"
    on_machine /bundle/clmlp devices
    check 'a driver that is gone is forgotten' [ ! -L "$vendors/other.icd" ]
    on_machine /bin/sh -c 'OCL_ICD_VENDORS=/tmp /bundle/clmlp doctor'
    check 'a choice of the user counts' lacks_line out 'nvidia\.icd'
    rm -rf "$machine/home/.cache"
    echo /usr/local/nvidia/lib64/libnvidia-opencl.so.1 >"$machine/etc/OpenCL/vendors/nvidia.icd"
    on_machine /bundle/clmlp devices
    check "the machine's own file is enough" [ ! -e "$machine/home/.cache" ]

    # neither here nor there
    rm -r "$machine/bundle/lib/spare/libz.so.1"
    on_machine /bundle/clmlp --version
    check 'a missing library: fails' [ "$status" -eq 1 ]
    check 'a missing library: says what is needed' has_line err '^clmlp: this machine cannot run .* with glibc 2\.[0-9]+'
    check 'a missing library: is named' has_line err 'libz\.so\.1 => not found'
fi

# ---- trials without a device ----

# trial ARGUMENT...: on a machine without drivers.
trial() { does env OCL_ICD_VENDORS="$temporary/none" "$bundle/gpu-trial" --quick --out report.md "$@"; }
# phase_is NAME PATTERN: what the report says of a phase.
phase_is() { check "$1: $2" has_line report.md "^\\| $1 \\| $2 \\| [0-9]+ \\|\$"; }

printf '#!/bin/sh\nexec python3 -I -S "$@"\n' >bare-python # without packages beside Python's own library
printf '#!/bin/sh\nexec sleep 100000\n' >endless
chmod +x bare-python endless

trial --limit 100000 --python ./bare-python
check 'without a device, the trial fails' [ "$status" -eq 1 ]
check 'it names its report' has_line out "the report is $temporary/report.md\$"
phase_is machine passed
phase_is devices 'FAILED: exit code 1'
phase_is 'device gpu' 'FAILED: there is no such device'
phase_is 'bench 784-128-10' 'left out: there is no device gpu'
phase_is 'PyTorch steps' 'left out: .* has no PyTorch: .*'
phase_is 'PyTorch products' 'left out: .* has no PyTorch: .*'
phase_is verify 'left out: there is no device gpu'
check 'it says that no step was timed' has_line report.md '^No step was timed\.$'

trial --limit 100000 --python ./no-such-python
phase_is 'PyTorch steps' 'left out: there is no \./no-such-python'

trial --limit 6 --python ./endless
check 'an endless phase fails' [ "$status" -eq 1 ]
phase_is 'PyTorch steps' 'FAILED: (not done after [0-9]+ s|no time was left for it)'
phase_is verify 'left out: there is no device gpu'

start env OCL_ICD_VENDORS="$temporary/none" "$bundle/gpu-trial" --quick --out report.md --limit 100000 --python ./endless
await $process has_line err 'PyTorch steps, at most'
kill -TERM $process
status=0
wait $process || status=$?
check 'a trial that is ended: exit code' [ "$status" -eq 130 ]
phase_is trial 'FAILED: interrupted'
phase_is 'device gpu' 'FAILED: there is no such device'

# ---- a trial of a GPU that is not there ----

# A program in place of clmlp, which lists three devices and notes what it is asked for.
mkdir -p gpus/bin
: >gpus/MANIFEST
cat >gpus/clmlp <<'END'
#!/bin/sh
echo "$*" >>calls
if [ "$1" = devices ]; then
    at=0
    for device in 'CPU:a processor:false' 'GPU:a small | GPU:false' 'GPU:a large GPU:true'; do
        printf '    "platform": %d,\n    "device": 0,\n    "type": "%s",\n' $at "${device%%:*}"
        printf '    "name": "%s",\n    "taken": %s,\n' "$(echo "$device" | cut -d: -f2)" "${device##*:}"
        at=$((at + 1))
    done >"$3"
fi
END
# PyTorch finds the GPU, too, but no graph can be made of a step
cat >gpus/pytorch <<'END'
#!/bin/sh
echo "$*" >>calls
printf 'about\tPyTorch of this test, ROCm 7\nnote\tno graph\n'
printf 'step\t3072-3072-10\t%d\teager\t%d\n' 1000 44 100 33 100 22
printf 'product\tupdate\t100\t3072\t10\t10\n'
END
chmod +x gpus/clmlp gpus/pytorch
cp gpus/clmlp gpus/bin/clmlp
: >calls
does "$root/tools/gpu-trial" --bundle gpus --out report.md --limit 100000 --python gpus/pytorch
check 'all phases pass' [ "$status" -eq 0 ]
check 'the GPU is taken that clmlp prefers' [ "$(grep -cE '^(doctor|tune|bench|verify) .*--device 2:0' calls)" -eq 10 ]
check 'PyTorch computes on the GPU' [ "$(grep -c -- '--device cuda' calls)" -eq 2 ]
check 'its name is the title' has_line report.md '^# clmlp on a large GPU$'
check 'six nets and batches are measured' \
    [ "$(sed -n 's/^bench .*--batch \([^ ]*\) .*/\1/p' calls | tr ',' '\n' | wc -l)" -eq 6 ]
check "PyTorch's best stands without clmlp's" \
    has_line report.md '^\| 3072-3072-10 \| 100 \| - \| - \| 22\.000 \| - \| - \| - \| - \| - \| - \|$'
check 'rows are in the order of the nets' [ "$(sed -n 's/^| 3072-3072-10 | \([0-9]*\) .*/\1/p' report.md | tr '\n' ' ')" = '100 1000 ' ]
check 'the library is named' has_line report.md '^\| product .* \| hipBLAS us \|'
check 'a product' has_line report.md '^\| update \| 100 \| 3072 \| 10 \| 10\.0 \| 614\.4 \| - \| - \| - \| - \|$'
check 'what could not be timed is told' has_line report.md '^- no graph$'
does "$root/tools/gpu-trial" --bundle gpus --out report.md --limit 100000 --python gpus/pytorch --device 'small |'
check 'a part of a name chooses' has_line calls '^verify .*--device 1:0'
# shellcheck disable=SC2016 # for the script
sed -i 's/^if/[ "$1" != doctor ] || exit 7\nif/' gpus/clmlp
does "$root/tools/gpu-trial" --bundle gpus --out report.md --limit 100000 --python gpus/pytorch
check 'a phase that fails: exit code' [ "$status" -eq 1 ]
phase_is doctor 'FAILED: exit code 7'
phase_is verify passed

# ---- a trial to its end ----

[ "$failures" -eq 0 ] || finish
require_device 'the trial of a device'
# in place of PyTorch: figures that can be told apart
cat >figures <<'END'
#!/bin/sh
printf 'about\tPyTorch of this test\n'
for word; do last=$word what=${before:-}; before=$word; done
[ "$last" = 784,128,10:64 ] || exit 1
case $what in
steps) printf 'step\t784-128-10\t64\teager\t5000000\nstep\t784-128-10\t64\teager\t4000000\nstep\t784-128-10\t64\tgraph\t3000000\n' ;;
products) printf 'product\tforward\t64\t784\t128\t1000\nproduct\tupdate\t64\t784\t128\t2000\n' ;;
esac
END
chmod +x figures
does "$bundle/gpu-trial" --quick --device cpu --out report.md --limit 100000 --python ./figures
check 'the trial passes' [ "$status" -eq 0 ]
check 'it ends with its result' has_line out "^0 of 8 phases failed; the report is $temporary/report.md\$"
for name in machine devices doctor 'tune 784-128-10' 'bench 784-128-10' 'PyTorch steps' 'PyTorch products' verify; do
    phase_is "$name" passed
done
for heading in Machine Device 'Training steps' 'Matrix products' 'Chosen providers' Doctor Verify 'What each phase printed'; do
    check "the report has $heading" has_line report.md "^## $heading\$"
done
figure='[0-9]+\.[0-9]+'
check 'the machine' has_line report.md '^\| processor \| .*, [0-9]+ cores \|$'
check 'program and commit' has_line report.md '^\| program \| clmlp [0-9.]+, commit '
check 'the device' has_line report.md '^The trial ran on: device [0-9]+:[0-9]+, .'
check 'the driver' has_line report.md '^       version .*driver '
check 'steps: times, launches, share of peak, provider' has_line report.md \
    "^\\| 784-128-10 \\| 64 \\| $figure \\| $figure to $figure \\| 4000000\\.000 \\| 3000000\\.000 \\| [0-9]+\\.[0-9]+x \\| [1-9][0-9]* \\| $figure \\| $figure % \\| [a-z].* \\|\$"
check 'the peak' has_line report.md '^Peaks of the device in these runs: up to [1-9][0-9]* GFLOP/s multiplying and adding, [0-9]+ GB/s'
check 'the other program' has_line report.md '^PyTorch of this test\.$'
check 'products side by side' has_line report.md \
    "^\\| forward \\| 64 \\| 784 \\| 128 \\| 1000\\.0 \\| 12\\.8 \\| $figure \\| $figure \\| [0-9]+ % \\| [a-z].* \\|\$"
check 'a product of ours alone' has_line report.md "^\\| forward \\| 64 \\| 128 \\| 10 \\| - \\| - \\| $figure \\| $figure \\| - \\| [a-z].* \\|\$"
check 'the winners' has_line report.md '^What a step of 784-128-10 will use$'
check "doctor's verdict" has_line report.md '^  verdict: '
check "verify's result" has_line report.md '^[0-9]+ checks on .*: [0-9]+ passed, 0 failed'
check 'what bench printed' has_line report.md '^    between kernels '
columns=$(awk -F '|' '/^\| net \|/ { n = NF } /^\| 784-128-10 \|/ { print n == NF }' report.md)
check 'headings and figures are as many' [ "$columns" = 1 ]
finish
