# shellcheck shell=bash
# Shared by the scripts of this folder: where the tree is, how they print messages and build.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Prints a line for a phase, with the seconds since the script began.
phase() {
    printf '[%4d s] %s\n' "$SECONDS" "$*"
}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Shows the end of the log of a phase that failed.
show_log() {
    printf -- '---- the end of %s\n' "$1" >&2
    tail -n "${2:-40}" "$1" >&2
    printf -- '----\n' >&2
}

# configure DIR OPTION...: a build directory with these meson options; does nothing if it has them already.
configure() {
    local dir=$1
    shift
    local again=()
    if [ -f "$dir/build.ninja" ]; then
        [ "$(cat "$dir/clmlp-options" 2>/dev/null)" = "$*" ] && return
        again=(--reconfigure)
    fi
    mkdir -p "$dir"
    if ! meson setup "${again[@]}" "$@" "$dir" "$root" >"$dir/setup.log" 2>&1; then
        show_log "$dir/setup.log"
        fail "meson could not configure $dir; the log above says why"
    fi
    printf '%s\n' "$*" >"$dir/clmlp-options"
}

# compile DIR [TARGET...]: builds all or the targets, and shows the compiler's warnings.
compile() {
    local status=0
    ninja -C "$@" >"$1/build.log" 2>&1 || status=$?
    grep -E 'warning:' "$1/build.log" >&2 || true
    if [ "$status" -ne 0 ]; then
        show_log "$1/build.log" 60
        fail "the build in $1 failed; the log above says where"
    fi
}

# Whether Fashion-MNIST is where the program looks for it.
has_fashion_mnist() {
    local folder
    for folder in "${CLMLP_DATA:-}" "${XDG_DATA_HOME:-${HOME:-}/.local/share}/clmlp" /usr/share/datasets; do
        compgen -G "$folder/fashion-mnist/train-images*" >/dev/null && return
    done
    return 1
}
