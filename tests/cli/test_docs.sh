#!/bin/sh
# README and doc/ are true: links lead somewhere, named files exist, options exist, and examples run.
#
#   test_docs.sh PROGRAM ROOT [briefly]
#
# An example is a line of four blanks and a clmlp command. The program must accept each as a command line.
# Those of README.md, doc/commands.md, doc/data.md and doc/export.md also run, unless `briefly` is given, on small sets with
# the names that the documents use.
# shellcheck disable=SC2016 # `words` of documents
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"
brevity=${3:-}

documents() { (cd "$root" && ls README.md SECURITY.md doc/data.md tests/fuzz/README.md doc/*.md); }

# holds WHAT CONDITION...: like check, for documents.
holds() {
    what=$1
    shift
    if "$@"; then passed; else failed "$what"; fi
}

# ---- what the program has ----

mkdir help
run --help
sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' out >commands
run data --help
sed -n 's/^  clmlp \(data [a-z]*\) .*/\1/p' out >>commands
run kernel --help
sed -n 's/^  clmlp \(kernel [a-z]*\) .*/\1/p' out >>commands
while read -r name; do
    # shellcheck disable=SC2086 # "data info" is two words
    run $name --help
    grep -o '^ *\(-[a-zA-Z], \)\?--[a-z0-9-]*' out | grep -o -- '--[a-z0-9-]*' >"help/$name" || true
done <commands
sort -u help/* >options
holds 'there are commands' [ "$(wc -l <commands)" -ge 14 ]
holds 'there are options' [ "$(wc -l <options)" -ge 40 ]

find "$root/src" "$root/kernels" "$root/include" "$root/tests" "$root/examples" -name '*.[ch]*' | sed 's|.*/||' | sort -u >sources

# ---- what a document says: each function prints one mistake per line ----

# The text without fenced blocks: they hold output and code.
prose() { awk '/^```/ { fenced = !fenced; next } !fenced' "$1"; }

# The anchors of a document, as GitHub makes them of headings.
anchors() {
    prose "$1" | sed -n 's/^##* //p' | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

wrong_links() {
    prose "$1" | grep -o '](\([^)]*\))' | sed 's/^](//; s/)$//' | grep -v '^https\?://' | while read -r link; do
        target=${link%%#*}
        file=$1
        [ -z "$target" ] || file=$(dirname "$1")/$target
        if [ ! -e "$file" ]; then
            echo "the link $link leads to no file"
        elif [ "$target" != "$link" ] && ! anchors "$file" | grep -qxF -- "${link#*#}"; then
            echo "the link $link leads to no heading"
        fi
    done
}

# File names in our directories, except those with a placeholder; and names of sources, without a directory.
wrong_files() {
    prose "$1" | grep -o '`[^` ]*' | sed 's/^`//; s/,$//' |
        grep -E '^(src|kernels|include|tests|tools|doc|\.ci)/' | grep -v '[…A-Z*]' | sort -u | while read -r name; do
        [ -e "$root/$name" ] || echo "there is no $name"
    done
    prose "$1" | grep -oE '`[a-z][a-z0-9_]*\.(c|h|cl)`' | tr -d '`' | sort -u | while read -r name; do
        grep -qxF -- "$name" sources || echo "there is no $name"
    done
}

# The command at the beginning of a line, after "clmlp": "train", "data info".
command_of() {
    case $1 in data | kernel) echo "$1 $2" ;; *) echo "$1" ;; esac
}

examples() { prose "$1" | sed -n 's/^    clmlp //p'; }

# Options in examples must be those of the command; options elsewhere may be any command's, or a script's.
wrong_options() {
    examples "$1" | while read -r line; do
        # shellcheck disable=SC2086 # words
        name=$(command_of $line)
        if [ ! -e "help/$name" ]; then
            echo "there is no command $name"
            continue
        fi
        for word in $line; do
            case $word in
            --*) grep -qxF -- "${word%%=*}" "help/$name" || echo "clmlp $name has no ${word%%=*}" ;;
            esac
        done
    done
    prose "$1" | grep -v '^    ' | grep -o '`--[a-z][a-z0-9-]*' | sed 's/^`//' | sort -u | while read -r option; do
        grep -qxF -- "$option" options || grep -qF -- "$option" "$root"/tools/* || echo "nothing has $option"
    done
}

# judge DOCUMENT NAME
judge() {
    { wrong_links "$1"; wrong_files "$1"; wrong_options "$1"; } >mistakes
    if [ -s mistakes ]; then
        failed "$2: $(cat mistakes)"
    else
        passed
    fi
}

for name in $(documents); do
    judge "$root/$name" "$name"
done

# ---- what documents must say ----

for name in $(documents); do prose "$root/$name"; done >all
while read -r option; do
    holds "$option is described in README or doc/" grep -qF -- "$option" all
done <options
while read -r name; do
    case $name in
    data\ *) word="\`(clmlp data )?${name#data }\`" ;;
    *) word="\`clmlp $name" ;;
    esac
    holds "README has the command $name" grep -qE "$word" "$root/README.md"
done <commands
for directory in $(cd "$root" && find src -mindepth 1 -maxdepth 2 -type d); do
    case $directory in src/data/*) word="\`${directory##*/}/\`" ;; *) word=$directory/ ;; esac
    holds "doc/architecture.md tells of $directory" grep -qF "$word" "$root/doc/architecture.md"
done
holds 'code and scripts name doc/data.md for data' \
    [ -z "$(grep -rl 'data/README\.md' "$root/src" "$root/include" "$root/tools")" ]
holds 'README has at most 200 lines' [ "$(wc -l <"$root/README.md")" -le 200 ]

# ---- this test finds mistakes ----

# notices WHAT TEXT: a document with that text has a mistake, which must be named.
notices() {
    printf '# A heading\n\n%s\n' "$2" >"made_up.md"
    { wrong_links made_up.md; wrong_files made_up.md; wrong_options made_up.md; } >mistakes
    holds "a document with $1 is refused" [ "$(wc -l <mistakes)" -eq 1 ]
}

notices 'a link to no file' '[here](nowhere.md)'
notices 'a link to no heading' '[here](#nothing)'
notices 'a file that is not there' 'See `src/nowhere.c`.'
notices 'a source that is not there' 'See `nowhere.c`.'
notices 'an option that does not exist' 'Use `--no-such-option 3`.'
notices 'an option of another command' '    clmlp devices --epochs 3'
notices 'a command that does not exist' '    clmlp destroy'
printf '# A heading\n\n%s\n' '[here](#a-heading), `tools/check`, `--epochs 3`' >made_up.md
judge made_up.md 'a document without mistakes'

# ---- examples ----

# Each example is a command line that the program accepts: it reaches a --help at its end.
for name in $(documents); do
    examples "$root/$name" | sed 's/[|&].*//' >lines
    while read -r line; do
        case $line in *'"'*) continue ;; esac
        # shellcheck disable=SC2086 # words
        run $line --help
        check "$name: clmlp $line" [ "$status" -eq 0 ]
    done <lines
done

if [ "$brevity" = briefly ]; then
    finish
fi
run devices
if [ "$status" -ne 0 ]; then
    [ "${CLMLP_REQUIRE_ALL:-0}" != 1 ] || failed "no device: $(cat err)"
    echo 'SKIP the examples of documents: no OpenCL device'
    finish
fi

# Small sets with the documents' names: pictures with the same size and number of classes.
mkdir sets
export CLMLP_DATA="$temporary/sets"
"$program" data make --rows 60 --out sets/cifar10 >/dev/null
"$program" data convert --data cifar10 --to images --out photos >/dev/null
"$program" data convert --data photos --resize 28x28 --channels 1 --to idx --out sets/fashion-mnist >/dev/null

# Examples that take long or need a GPU.
is_left_out() {
    case $1 in
    *'--device gpu'* | doctor* | verify | 'verify --full'* | 'bench --layers 3072'* | 'bench --layers 784,512'* | bench | gradcheck) return 0 ;;
    esac
    return 1
}

documents=0
for name in README.md doc/commands.md doc/data.md doc/export.md; do
    documents=$((documents + 1))
    [ $name = README.md ] || in_sample $documents 2 || continue
    mkdir -p "here/$name"
    cp -R photos "here/$name"
    awk 'BEGIN { print "name,zip,age,job"; for (i = 0; i < 40; i++) print "n" i "," 1000 + i % 3 "," 20 + i "," (i % 2 ? "baker" : "cook") }' >"here/$name/people.csv"
    awk 'BEGIN { print "petal,colour,species"; for (i = 0; i < 40; i++) print i % 2 + i / 40 "," (i % 3 ? "red" : "blue") "," (i % 2 ? "rose" : "lily") }' >"here/$name/flowers.csv"
    cp "here/$name/flowers.csv" "here/$name/more-flowers.csv"
    awk 'BEGIN { print "size,rooms,garden,garage,price"; for (i = 0; i < 60; i++) print 40 + i * 7 % 61 "," 1 + i % 5 "," i % 2 "," (i % 3 == 0) "," 1000 * (40 + i * 7 % 61) + 500 * (i % 5) }' >"here/$name/houses.csv"
    cut -d, -f1,2 "here/$name/flowers.csv" >"here/$name/new-flowers.csv"
    cd "here/$name"
    # writes the file that doc/commands.md shows
    sed -n '/^# fashion.conf/,/^```/p' "$root/$name" | grep -v '^```' >fashion.conf || true
    examples "$root/$name" >lines
    while read -r line; do
        if is_left_out "$line"; then continue; fi
        # shellcheck disable=SC2086 # words
        run $line
        check "$name: clmlp $line: $(cat err)" [ "$status" -eq 0 ]
    done <lines
    cd "$temporary"
done

finish
