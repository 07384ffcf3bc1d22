#!/bin/sh
# The floors: prints each #include under ROOT/src that goes upward or sideways, and fails if there is one.
#
#   floors.sh ROOT
#
#   2 base   3 compute   4 prove, settings   5 data, tune   6 nn   7 train, bench, export   8 check   9 cli
#
# A file may include its own folder and folders of floors below; folders on the same floor do not include each
# other. Within compute, only an implementation includes files of its folder; only opencl includes OpenCL and
# CLBlast, and only blas includes CBLAS. cli uses the library only through clmlp.h.
set -eu
cd "$1"

find include src -name '*.[ch]' | LC_ALL=C sort | while read -r file; do
    awk -v file="$file" '
    function complain(why) {
        printf "%s:%d: %s: %s\n", file, FNR, name, why
    }
    # "compute/opencl/x.h" -> "compute"; "clmlp.h" -> ""
    function folder(path) {
        return path ~ /\// ? substr(path, 1, index(path, "/") - 1) : ""
    }
    # "compute/opencl/x.h" -> "opencl"; "compute/backend.h" -> ""
    function inner(path) {
        sub(/^[^\/]*\//, "", path)
        return folder(path)
    }
    function judge_own(here, there) {
        if (here == "include")
            complain("the public header stands on nothing of ours")
        else if (name == "clmlp.h")
            return
        else if (!(there in floor))
            complain("ours are included as FLOOR/file.h, from src/")
        else if (name ~ /\/\.\.?\//)
            complain("a path without . and ..")
        else if (here == "cli" && there != "cli")
            complain("cli uses the library through clmlp.h alone")
        else if (floor[there] > floor[here])
            complain(there " is above " here)
        else if (floor[there] == floor[here] && there != here)
            complain(there " and " here " stand side by side")
        else if (there == "compute" && inner(name) != "" && inner(name) != inner(place))
            complain("compute/" inner(name) " is an implementation: include compute/backend.h")
    }
    function judge_foreign() {
        if (name ~ /^(CL\/|OpenCL\/|clblast)/ && place !~ /^compute\/opencl\//)
            complain("OpenCL stays in compute/opencl")
        else if (name ~ /^(cblas|openblas|lapack)/ && place !~ /^compute\/blas\//)
            complain("CBLAS stays in compute/blas")
    }
    BEGIN {
        split("base 2 compute 3 prove 4 settings 4 data 5 tune 5 nn 6 train 7 bench 7 export 7 check 8 cli 9", floors, " ")
        for (i = 1; i in floors; i += 2)
            floor[floors[i]] = floors[i + 1]
        place = file
        sub(/^src\//, "", place)
        here = folder(place)
        if (here != "include" && !(here in floor)) {
            name = here
            complain("a folder that is on no floor")
        }
    }
    /^[ \t]*#[ \t]*(include|import|include_next)/ {
        name = $0
        sub(/^[ \t]*#[ \t]*[a-z_]+[ \t]*/, "", name)
        opening = substr(name, 1, 1)
        name = substr(name, 2)
        sub(/[">].*/, "", name)
        if (opening == "<")
            judge_foreign()
        else if (opening == "\"")
            judge_own(here, folder(name))
        else
            complain("an include that cannot be read")
    }' "$file"
done | {
    found=0
    while read -r line; do
        printf '%s\n' "$line"
        found=1
    done
    exit $found
}
