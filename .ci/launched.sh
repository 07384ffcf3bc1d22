# shellcheck shell=bash
# The kernels that tests/test_simulated launched. Sourced by the scripts in this folder.

# all_launched WHO OUTPUT: fails if OUTPUT lacks a kernel of kernels/; prints how many there are.
all_launched() {
    local who=$1 output=$2 ours left_out
    ours=$(cat kernels/*.cl | tr '\n' ' ' | grep -oP '__kernel\b.*?\bvoid\s+\K\w+' | sort -u) || {
        echo "$who: no kernel was found in kernels/" >&2
        return 1
    }
    left_out=$(comm -23 <(echo "$ours") <(sed -n 's/^launched //p' "$output" | sort -u) | paste -sd ' ')
    if [ -n "$left_out" ]; then
        echo "$who: not run: $left_out; tests/test_simulated.c runs them" >&2
        return 1
    fi
    wc -l <<<"$ours"
}
