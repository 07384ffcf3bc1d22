#!/bin/sh
# The tree's top level holds what it should, and nothing else.
#
#   test_top_level.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/count.sh
. "$here/count.sh"
cd "$1"

# What git tracks; without git, every name except build and run directories and dotfiles.
names() {
    if [ -e .git ] && command -v git >/dev/null && git ls-files >/dev/null 2>&1; then
        git ls-files | cut -d/ -f1 | sort -u
    else
        find . -mindepth 1 -maxdepth 1 ! -name 'build*' ! -name 'run*' | sed 's|^\./||' | sort
    fi
}

for name in $(names); do
    case $name in
    meson.build | meson_options.txt | README.md | SECURITY.md | LICENSE) passed ;;
    src | kernels | include | tests | tools | data | doc | examples) passed ;;
    .*) passed ;;
    *) failed "$name is no part of the top level" ;;
    esac
done

for name in meson.build meson_options.txt README.md SECURITY.md LICENSE src kernels include tests tools data doc examples .ci; do
    if [ -e "$name" ]; then
        passed
    else
        failed "$name is missing from the top level"
    fi
done

finish
