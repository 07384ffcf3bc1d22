# Adds up the tests of a meson-logs/testlog.txt: prints "N passed, N failed, N skipped".
#
# A test program that ran to its end closes with Check's line, "100%: Checks: 25, Failures: 0, Errors: 0". For
# each test that it left out it has printed a line "SKIP name: reason"; Check counts those as passed. Without
# such a last line a program counts as one failure if it crashed, timed out or failed, and as one test if it
# succeeded.

function number_behind(word, line) {
    sub(".*" word ": ", "", line)
    return line + 0
}

function add_up_program() {
    if (!in_program)
        return
    bad = failures + errors
    if (result != "exit status 0" && result != "exit status 77" && bad == 0)
        bad = 1
    else if (result == "exit status 77" && skips == 0)
        skips = 1
    else if (!has_totals && bad == 0)
        checks = 1
    good = checks - failures - errors - skips
    passed += good > 0 ? good : 0
    failed += bad
    skipped += skips
}

/^=+ [0-9]+\/[0-9]+ =+$/ {
    add_up_program()
    in_program = 1
    result = ""
    has_totals = checks = failures = errors = skips = 0
}
/^result: / && result == "" {
    result = $0
    sub(/^result: */, "", result)
}
/^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
    has_totals = 1
    checks += number_behind("Checks", $0)
    failures += number_behind("Failures", $0)
    errors += number_behind("Errors", $0)
}
/^SKIP[: ]/ {
    skips++
}
END {
    add_up_program()
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
}
