#!/bin/sh
# Names of settings: the code uses none that the table lacks, and uses each that the table has.
#
#   test_settings.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/count.sh
. "$here/count.sh"
cd "$1"
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# The table's names, one per line.
known() {
    tr '\n' ' ' <"$1" | grep -oE '(COUNT|NUMBER|CHOICE|CHOICES|CHOICE_OF|FLAG)\( *"[a-z0-9-]+"|OTHER\( *[A-Z]+, *"[a-z0-9-]+"' |
        sed 's/.*"\(.*\)"/\1/' | sort -u
}

# Names that C files under the folders use.
used() {
    find "$@" -name '*.c' -exec cat {} + | tr '\n' ' ' |
        grep -oE '(clm_settings_(text|count|number|sizes|net|augmentation|is_set)|setting_sizes|need_setting|number_or)\([^")]*"[a-z0-9-]+"' |
        sed 's/.*"\(.*\)"/\1/' | sort -u
}

known src/settings/table.c >"$temporary/known"
used src >"$temporary/used"
if [ "$(grep -c . "$temporary/known")" -gt 40 ]; then
    passed
else
    failed 'too few names were found in the table'
fi
for name in $(comm -13 "$temporary/known" "$temporary/used"); do
    failed "$name is asked for, and the table has no such setting"
done
for name in $(comm -23 "$temporary/known" "$temporary/used"); do
    failed "$name is in the table, and no code asks for it"
done

# A planted name is found.
mkdir "$temporary/src"
printf 'x = clm_settings_number(settings,\n    "momentun");\n' >"$temporary/src/planted.c"
if [ "$(used "$temporary/src")" = momentun ]; then
    passed
else
    failed 'a name that is asked for was not found'
fi
printf 'OTHER(\n    TEXT, "planted", NULL),\n  COUNT("other-one",' >"$temporary/table.c"
if [ "$(known "$temporary/table.c" | tr '\n' ' ')" = 'other-one planted ' ]; then
    passed
else
    failed 'a row that was planted was not found'
fi
finish
