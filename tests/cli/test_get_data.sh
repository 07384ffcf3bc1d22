#!/bin/sh
# tools/get-data with a local server: whole, truncated, damaged and missing files, a second run, interruption.
#
#   test_get_data.sh ROOT
set -eu
root=$(realpath "$1")
# shellcheck source=tests/house/count.sh
. "$root/tests/house/count.sh"

temporary=$(mktemp -d)
server=
# shellcheck disable=SC2317 # called at the end
finish_server() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$temporary"
}
trap finish_server EXIT
cd "$temporary"
unset CLMLP_MIRROR CLMLP_DATA XDG_DATA_HOME http_proxy HTTP_PROXY all_proxy ALL_PROXY
export CLMLP_DATA="$temporary/sets" no_proxy=127.0.0.1
# The test must interrupt a silent server before get-data gives up: the last --speed-time counts.
mkdir bin
printf '#!/bin/sh\nexec %s "$@" --speed-time 1000000\n' "$(command -v curl)" >bin/curl
chmod +x bin/curl
PATH=$temporary/bin:$PATH

# ---- the server ----

# /good/FILE is whole; /cut/FILE ends after 1000 bytes of each answer, though more are promised; /torn/FILE,
# too, but cannot continue; /bad/FILE has a wrong byte; /slow/FILE never ends. `asked` has the requests.
cat >server.py <<'PYTHON'
import http.server, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        _, how, name = self.path.split('/', 2)
        with open('asked', 'a') as asked:
            asked.write(self.path + ' ' + self.headers.get('Range', '') + '\n')
        try:
            content = open('published/' + name, 'rb').read()
        except OSError:
            self.send_error(404)
            return
        start = 0
        if how == 'bad':
            content = content[:50] + bytes([content[50] ^ 1]) + content[51:]
        if how in ('good', 'cut') and self.headers.get('Range'):
            start = int(self.headers['Range'].split('=')[1].split('-')[0])
        if start >= len(content) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (start, len(content) - 1, len(content)))
        self.send_header('Content-Length', str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        self.wfile.write(rest[:1000] if how in ('cut', 'torn', 'slow') else rest)
        self.wfile.flush()
        if how == 'slow':
            threading.Event().wait()

server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
with open('port.new', 'w') as port:
    port.write(str(server.server_address[1]))
__import__('os').rename('port.new', 'port')
server.serve_forever()
PYTHON
mkdir published
for name in one two; do
    awk -v name=$name 'BEGIN { for (i = 0; i < 300; i++) print name, i, i * i % 97 }' >published/$name.gz
done
(cd published && sha256sum one.gz two.gz) >sums
python3 server.py &
server=$!
await $server [ -s port ]
url=http://127.0.0.1:$(cat port)

# ---- running and checking ----

# get HOW ARGUMENT...: from URL/HOW, sets out and status; `asked` lists the requests.
get() {
    how=$1
    shift
    status=0
    : >asked
    "$root/tools/get-data" --mirror "$url/$how" --sums sums "$@" >out 2>&1 || status=$?
}

# check WHAT CONDITION...
check() {
    what=$1
    shift
    if "$@"; then
        passed
    else
        failed "$what (exit $status)
$(tail -n 5 out)"
    fi
}

# shellcheck disable=SC2317 # called through check
has_line() { grep -Eq -- "$2" "$1"; }
# shellcheck disable=SC2317 # called through check
is_whole() { cmp -s published/one.gz sets/mnist/one.gz && cmp -s published/two.gz sets/mnist/two.gz; }
# At most so many files, under any name.
# shellcheck disable=SC2317 # called through check
has_no_more_than() { [ "$(find sets/mnist -type f | wc -l)" -le "$1" ]; }
start_anew() { rm -rf sets; }

# ---- whole ----

get good mnist
check 'whole: succeeds' [ "$status" -eq 0 ]
check 'whole: both files' is_whole
check 'whole: nothing else' has_no_more_than 2
check 'whole: says where' has_line out "Done: $CLMLP_DATA/mnist"

get good mnist
check 'again: succeeds' [ "$status" -eq 0 ]
check 'again: asks for nothing' [ ! -s asked ]
check 'again: says so' has_line out 'one.gz is there already'

printf 'x' >>sets/mnist/one.gz
get good mnist
check 'a damaged file: succeeds' [ "$status" -eq 0 ]
check 'a damaged file: is fetched again' is_whole
check 'a damaged file: the other is not' [ "$(wc -l <asked)" -eq 1 ]

# ---- cut off ----

start_anew
get cut mnist
check 'cut off: fails, for three attempts bring 3000 bytes' [ "$status" -eq 1 ]
check 'cut off: says how far' has_line out 'It was cut off after 3000 bytes'
check 'cut off: no file has its name' [ ! -e sets/mnist/one.gz ]
check 'cut off: goes on' has_line asked '^/cut/one.gz bytes=2000-$'
get good mnist
check 'cut off, then whole: succeeds' [ "$status" -eq 0 ]
check 'cut off, then whole: goes on' has_line asked '^/good/one.gz bytes=3000-$'
check 'cut off, then whole: both files' is_whole
check 'cut off, then whole: nothing else' has_no_more_than 2

start_anew
get torn mnist
check 'cut off, and the server does not go on: fails' [ "$status" -eq 1 ]
check 'cut off, and the server does not go on: no file has its name' [ ! -e sets/mnist/one.gz ]
get good mnist
check 'torn, then whole: both files' is_whole

start_anew
mkdir -p sets/mnist
head -c 2000 /dev/zero >sets/mnist/one.gz.part
get good mnist
check 'a part of something else: succeeds' [ "$status" -eq 0 ]
check 'a part of something else: starts again' is_whole

start_anew
mkdir -p sets/mnist
cp published/one.gz sets/mnist/one.gz.part
get good mnist
check 'a part that is whole: succeeds' [ "$status" -eq 0 ]
check 'a part that is whole: is not asked for' [ "$(grep -c one.gz asked)" -eq 0 ]
check 'a part that is whole: both files' is_whole

start_anew
mkdir -p sets/mnist
{ cat published/one.gz && echo more; } >sets/mnist/one.gz.part
get good mnist
check 'a part that is too long: succeeds' [ "$status" -eq 0 ]
check 'a part that is too long: starts again' is_whole

# ---- damaged, missing ----

start_anew
get bad mnist
check 'damaged: fails' [ "$status" -eq 1 ]
check 'damaged: says what was expected' has_line out "one.gz is not what was published: its SHA-256 is [0-9a-f]{64}, not $(head -c 64 sums); removed"
check 'damaged: is gone' has_no_more_than 0
check 'damaged: asked for once' [ "$(wc -l <asked)" -eq 1 ]

mv published/two.gz elsewhere
start_anew
get good mnist
check 'missing: fails' [ "$status" -eq 1 ]
check 'missing: says so' has_line out 'curl: \(22\).*404'
check 'missing: names the file' has_line out 'sets/mnist/two.gz could not be had'
check 'missing: the other is there' cmp -s published/one.gz sets/mnist/one.gz
mv elsewhere published/two.gz
get good mnist
check 'missing, then there: both files' is_whole

start_anew
status=0
"$root/tools/get-data" --mirror http://127.0.0.1:9 --sums sums cifar10 >out 2>&1 || status=$?
check 'no server: fails' [ "$status" -eq 1 ]
check 'no server: says so' has_line out 'could not be had'

# ---- interruption ----

start_anew
: >asked
"$root/tools/get-data" --mirror "$url/slow" --sums sums mnist >out 2>&1 &
process=$!
await $process [ -s sets/mnist/one.gz.part ]
status=0
"$root/tools/get-data" --mirror "$url/good" --sums sums mnist >out2 2>&1 || status=$?
check 'two at once: the second fails' [ "$status" -eq 1 ]
check 'two at once: says so' has_line out2 'another get-data is at work'
kill -TERM $process
status=0
wait $process || status=$?
check 'interrupted: exit code' [ "$status" -eq 130 ]
check 'interrupted: says so' has_line out 'Stopped; run it again'
check 'interrupted: no file has its name' [ ! -e sets/mnist/one.gz ]
get good mnist
cp asked out
check 'interrupted, then whole: goes on' has_line asked '^/good/one.gz bytes=1000-$'
check 'interrupted, then whole: both files' is_whole
check 'interrupted, then whole: nothing else' has_no_more_than 2

# ---- places, and wrong usage ----

unset CLMLP_DATA
export XDG_DATA_HOME="$temporary/xdg" CLMLP_MIRROR="$url/good/"
status=0
"$root/tools/get-data" --sums sums cifar100 >out 2>&1 || status=$?
check 'XDG_DATA_HOME and CLMLP_MIRROR: succeeds' [ "$status" -eq 0 ]
check 'XDG_DATA_HOME and CLMLP_MIRROR: both are used' cmp -s published/one.gz xdg/clmlp/cifar100/one.gz

refuses() {
    status=0
    "$root/tools/get-data" "$@" >out 2>&1 || status=$?
    check "get-data $*: wrong usage" [ "$status" -eq 2 ]
    check "get-data $*: says how" has_line out '^usage: tools/get-data'
}
refuses
refuses imagenet
refuses mnist cifar10
refuses --mirror
refuses --mirror '' mnist
refuses --frobnicate mnist
printf '%s\n' "$(head -c 64 sums)  ../../out" >evil
status=0
"$root/tools/get-data" --sums evil mnist >out 2>&1 || status=$?
check 'a name that leads elsewhere: fails' [ "$status" -eq 1 ]
check 'a name that leads elsewhere: says so' has_line out 'is no line as sha256sum writes it'

# The built-in lists have a sum for each file that a format needs.
for name in mnist:4 fashion-mnist:4 cifar10:1 cifar100:1; do
    found=$(bash -c "$(sed -n '/^list_sums()/,/^}/p' "$root/tools/get-data")
        list_sums ${name%:*}" | grep -Ec "^[0-9a-f]{64}  [a-z0-9.-]*\.gz\$")
    status=0
    check "${name%:*}: ${name#*:} sums, $found found" [ "$found" -eq "${name#*:}" ]
done

finish
