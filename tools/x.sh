# The command runner behind ./x. Every command does its own set-up.
set -euo pipefail
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT"
JOBS="${MULLION_JOBS:-$(nproc)}"

usage() {
  cat <<'TEXT'
Usage: ./x COMMAND

  run [--once] [--machines N] [--cluster]
                                build, then start the mission's seven servers with a fleet and show them; with --cluster
                                R1 is three servers, and the one that serves is killed while clients write
  test [PART ...]               every test; or only some: checks unit tsan blackbox chaos contract clients ux tidy fuzz,
                                or the name of a room: its unit tests (./x test store)
                                tidy looks at what has changed lately, tidy-all at every file
  test --changed                after a change: the checks, clang-tidy over what has changed, and the unit tests of
                                rooms with changes and of those that know them
                                (MULLION_FUZZ_SECONDS: how long each fuzz target runs, default 10)
  chaos [--cluster] [--minutes N] [--seed N]
                                an hour of histories under faults, checked; --help for more
  build                         build build/mullion (release with debug information); the web interface in it needs
                                Node.js and npm, and the network once: without them the server is built without it
                                (MULLION_UX=OFF leaves it out, MULLION_UX=ON insists on it)
  bench                         build and run the benchmarks, print their tables
  bench ux [--machines N]       the same of the web interface, in Chromium on a real server: its budgets
  packages [COMMAND]            the Debian packages that a command needs, which it installs by itself
  fix                           format the sources and renew the generated reference files
  help                          this text
TEXT
}

say() { printf '\n== %s\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Files of C++ in the tree, those that are not added to git yet included.
sources() {
  git ls-files --cached --others --exclude-standard 'src/*.h' 'src/*.cc' 'bench/*.cc' 'fuzz/*.h' 'fuzz/*.cc'
}

# Sections of packages.txt that a command needs; one that tests builds and runs what it tests.
sections_of() {
  case "$1" in
    build) echo build ux ;;
    run) echo build ux run ;;
    bench) echo build ux run test bench ;;
    *) echo build ux run test ;;
  esac
}

# packages COMMAND: the names of the packages that it needs.
packages() {
  awk -v wanted=" $(sections_of "$1") " '
    /^\[/ { section = substr($0, 2, length($0) - 2); next }
    /^[^#]/ && index(wanted, " " section " ")' packages.txt
}

# Whether the web interface can be built with what is there.
has_node() {
  local version
  command -v npm >/dev/null && version=$(node --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge 18 ] 2>/dev/null
}

# provided PACKAGE: something on this machine does the same already; Debian's would replace it.
provided() {
  case "$1" in
    nodejs | npm) has_node ;;
    cargo-web | rustc-web) cargo --version 2>/dev/null | awk '{ split($2, v, "."); new = v[1] > 1 || v[2] >= 85 } END { exit !new }' ;;
    *) false ;;
  esac
}

# setup COMMAND: installs what is missing for it; asks the network only then.
setup() {
  local missing=()
  local package
  while read -r package; do
    ! provided "$package" || continue
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done < <(packages "$1")
  if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${#missing[@]} packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

# Sources of a room and its tests are compiled together in batches of so many KiB (mullion_batches in cmake/room.cmake):
# what they include, most of what compiling costs, is read once for a batch.
BATCH=60

# The web interface in build/release: AUTO builds it if it can, ON or not at all, OFF never. Tests insist on it.
UX="${MULLION_UX:-AUTO}"

# configure DIR TYPE [cmake options...]
configure() {
  local directory=$1 type=$2
  shift 2
  cmake -S . -B "$directory" -G Ninja -DCMAKE_BUILD_TYPE="$type" -DMULLION_UNITY="$BATCH" \
    "-DMULLION_CARGO_DIR=$ROOT/build/cargo" "$@" >"$directory.configure.log" 2>&1 ||
    { cat "$directory.configure.log"; return 1; }
}

# build_release [TARGET ...]: the program, and what else is asked for.
build_release() {
  mkdir -p build
  say "building build/mullion"
  configure build/release RelWithDebInfo -DMULLION_TESTS=OFF -DMULLION_BENCH=ON "-DMULLION_UX=$UX"
  ninja -j "$JOBS" -C build/release mullion "$@"
  ln -sf release/mullion build/mullion
}

test_checks() {
  say "checks: layers, views, format, generated files, schema, package list"
  python3 tools/check_layers.py
  python3 tools/check_names.py
  python3 tools/check_member_order.py
  python3 tools/check_views.py
  python3 tools/decisions.py --check
  python3 tools/generate_settings.py --check
  python3 tools/generate_schema.py --check
  local files
  mapfile -t files < <(sources)
  clang-format-14 --dry-run --Werror "${files[@]}"
  /usr/bin/python3 -m pytest -q tests/unit  # the schema against the contract
}

# unit_tests DIR SANITIZERS COMPILER [ROOM ...]: builds and runs the tests of these rooms, of all without names.
unit_tests() {
  local directory=$1 sanitizers=$2 compiler=$3
  shift 3
  local targets=("${@/#/test_}")
  say "unit tests of ${*:-every room} with sanitizers: $sanitizers"
  configure "$directory" Debug -DMULLION_UX=OFF "-DMULLION_SANITIZE=$sanitizers" "-DCMAKE_CXX_COMPILER=$compiler"
  ninja -j "$JOBS" -C "$directory" "${targets[@]}"
  local only=()
  [ $# -eq 0 ] || only=(-L "^($(IFS='|'; echo "$*"))\$")
  if ! (cd "$directory" && ctest --output-on-failure -j "$((2 * JOBS))" "${only[@]}"); then
    say "what failed"
    failures_of "$directory/Testing/Temporary/LastTest.log"
    return 1
  fi
}

# failures_of LOG: what checks and sanitizers said, without the thousands of lines around them: of a long output one often
# sees the end alone.
failures_of() {
  grep -a -A 12 -E ' Failure$|^==[0-9]+==ERROR: |WARNING: ThreadSanitizer|: runtime error: |^\[  FAILED  \]' "$1" |
    cut -c 1-400 | tail -n 200
}

# With clang, which takes half of the time that GCC takes for the same; the program itself is built with GCC. So is the thread
# sanitizer: with optimisation clang 16 keeps addresses of thread-local variables over suspensions of coroutines, and reports
# races in Asio that are none. The file itself is named to clang's sanitizers, which take no link for a symbolizer.
test_unit() {
  local symbolizer
  symbolizer=$(readlink -f "$(command -v llvm-symbolizer || true)" || true)
  ASAN_SYMBOLIZER_PATH="$symbolizer" \
    ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=8 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    unit_tests build/asan address,undefined clang++-16 "$@"
}

# The rooms where threads meet.
test_tsan() {
  TSAN_OPTIONS="halt_on_error=1 suppressions=$ROOT/tools/tsan.supp" \
    unit_tests build/tsan thread g++ env net store events objects replication mirror manager api server catalog versionset apply rollout
}

# test_tidy [--all]: of what has changed lately, or of every file.
test_tidy() {
  say "clang-tidy"
  configure build/tidy Debug -DMULLION_UX=OFF -DMULLION_UNITY=0 -DMULLION_TESTS=OFF -DCMAKE_CXX_COMPILER=clang++-16
  # What the sources include must be there: the precompiled header and the generated tables.
  ninja -j "$JOBS" -C build/tidy mullion_pch generate_model generate_settings generate_routes generate_client
  python3 tools/run_tidy.py build/tidy "$JOBS" "$@"
}

test_tidy-all() { test_tidy --all; }

# Reads what strangers send with inputs nobody thought of; see fuzz/README.md.
test_fuzz() {
  say "fuzz targets, ${MULLION_FUZZ_SECONDS:-10} s each"
  configure build/fuzz Debug -DMULLION_UX=OFF -DMULLION_TESTS=OFF -DMULLION_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++-16
  ninja -j "$JOBS" -C build/fuzz fuzz
  python3 tools/fuzz.py build/fuzz --seconds "${MULLION_FUZZ_SECONDS:-10}" --jobs "$JOBS"
}

# python_tests ARGUMENTS...: files side by side, the tests of a file one after the other because they share servers. Two
# files for each core: tests of real processes spend half of their time on waiting for silence, clocks and restarts.
python_tests() {
  /usr/bin/python3 -m pytest -q -n "$((2 * JOBS))" --dist "${SPREADING:-loadfile}" "$@"
}

# Files of the black-box tests whose promises hold whatever way an endpoint is followed; FOLLOWED_TOO in a file says which
# of its tests are about managers. tests/unit/followed_tests_test.py says why the others that know of managers are not here.
FOLLOWED_BY_EVENTS=(manager.py live_rights.py version_sets.py travel.py rollouts.py apply.py failures.py credentials.py
  answers.py fleet_plan.py bulk.py rights.py lists.py peers.py plugins.py stamps.py views.py busy_objects.py files.py
  ux.py upgrade.py cluster_manager.py cluster_side_effects.py)

# Benchmarks are run by hand, on a quiet machine; that they build is a part of every test.
test_blackbox() {
  build_release example_provider mullion_next benches
  say "the fake of a server of another make"
  python_tests tests/foreign
  say "black-box tests of real processes"
  local SPREADING=loadgroup  # conftest.py says what stays together
  python_tests --durations=10 tests/blackbox
  say "the same of what managers promise, with endpoints that are followed by their public API"
  MULLION_FOLLOW=events python_tests "${FOLLOWED_BY_EVENTS[@]/#/tests/blackbox/test_}"
}

# Histories under faults, see tests/chaos/README.md: the checker's own tests, then rounds of two seeds that hold faults of
# every kind (test_tools.py). ./x chaos tries others.
test_chaos() {
  build_release
  say "histories under faults"
  /usr/bin/python3 -m pytest -q tests/chaos
  /usr/bin/python3 tests/chaos/run.py --rounds 2 --seed 311
  /usr/bin/python3 tests/chaos/run.py --foreign --rounds 1 --seed 314
  /usr/bin/python3 tests/chaos/cluster.py --rounds 1 --seed 23 --seconds 8
}

# The contract as tables, recorded conversations, and requests made from our own OpenAPI document.
test_contract() {
  build_release
  say "contract tests and scenarios against real processes"
  python_tests --durations=5 tests/scenarios
  python_tests --durations=5 tests/contract
}

# Clients that others wrote, against real processes: docs/clients.md.
test_clients() {
  build_release
  say "the public Python client, and what the types of the public Go client insist on"
  python_clients
  PYTHONPATH=build/clients/site /usr/bin/python3 -m pytest -q --durations=5 tests/clients
}

# Fetches the pinned clients once; another list of them is fetched anew.
python_clients() {
  local wanted=tests/clients/requirements.txt
  cmp -s "$wanted" build/clients/requirements.txt && return
  rm -rf build/clients
  mkdir -p build/clients
  if ! /usr/bin/python3 -m pip install -q --root-user-action=ignore --no-deps --require-hashes --only-binary :all: \
    --target build/clients/site -r "$wanted"; then
    echo "The public Python client could not be fetched from PyPI: this part cannot run without it." >&2
    return 1
  fi
  cp "$wanted" build/clients/requirements.txt
}

# side_by_side COMMAND ...: all of them at once; what one said is shown when it has ended. Fails when one does.
side_by_side() {
  local command failed=0 said=() running=()
  for command in "$@"; do
    said+=("$(mktemp)")
    $command >"${said[-1]}" 2>&1 &
    running+=($!)
  done
  local at
  for at in "${!running[@]}"; do
    wait "${running[$at]}" || failed=1
    cat "${said[$at]}"
    rm "${said[$at]}"
  done
  return "$failed"
}

# ux_script NAME [ARGUMENTS ...]: a script of ux/package.json, with what the program holds: nothing goes into files/ux.
ux_script() {
  mkdir -p build/ux-none
  (cd ux && MULLION_BINARY="$ROOT/build/mullion" MULLION_UX_OUT="$ROOT/build/ux-none" npm run --silent "$@")
}

# The pack in the program, built once more from nothing by what npm fetched for the tests.
ux_built_again() {
  rm -rf build/ux-again
  python3 tools/build_ux.py --mode ON --modules ux/node_modules build/ux-again build/ux-again/ux.pack
  cmp build/ux-again/ux.pack build/release/ux/ux.pack
}

# The web interface: its own tests and its types, that two builds are the same bytes, and pages in a browser before a
# real server.
test_ux() {
  build_release
  (cd ux && npm ci --prefer-offline --no-progress)
  say "the web interface: built again, the same bytes; unit tests; types"
  side_by_side ux_built_again "ux_script test" "ux_script check"
  say "the web interface: pages in Chromium"
  ux_script e2e
}

test_changed_rooms() {
  local rooms
  mapfile -t rooms < <(python3 tools/changed.py rooms)
  [ ${#rooms[@]} -eq 0 ] || test_unit "${rooms[@]}"
}

# run_part NAME: a part of the tests, or the unit tests of a room.
run_part() {
  if declare -F "test_$1" >/dev/null; then
    "test_$1"
  elif [ -d "src/$1" ]; then
    test_unit "$1"
  else
    echo "./x test $1: neither a part nor a room; ./x help names the parts, src/ has the rooms." >&2
    return 2
  fi
}

# run_parts PART ...: one after the other; the time of each, and of the processors, goes into build/test-times.
run_parts() {
  local part begun before shell=$BASHPID
  for part in "$@"; do
    begun=$SECONDS before=$(processor_seconds "$shell")
    run_part "$part"
    printf '%-10s %5d s %7d s of processors\n' "$part" $((SECONDS - begun)) $(($(processor_seconds "$shell") - before)) \
      >>build/test-times
  done
}

# processor_seconds PID: what the children of a process that have ended used of processors.
processor_seconds() {
  awk -v ticks="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); print int(($14 + $15) / ticks) }' "/proc/$1/stat"
}

# Everything, in two lanes: one that waits much (real processes), one that computes all the time (compilers, sanitizers) with
# what the first leaves of the processors. What the second says is shown when it has ended; the first failure ends both.
run_all_parts() {
  run_parts checks
  build_release example_provider mullion_next benches
  local said=build/test-computing.log ended other failed=0
  set -m  # each lane is a process group, to be ended as one
  (run_parts blackbox chaos contract clients ux) &
  local processes=$!
  (renice -n 5 -p "$BASHPID" >/dev/null && run_parts unit tsan tidy fuzz) >"$said" 2>&1 &
  local computing=$!
  set +m
  trap "kill -- -$processes -$computing 2>/dev/null || true" EXIT
  wait -n -p ended "$processes" "$computing" || failed=1
  if [ "$failed" = 0 ]; then
    ended=$((processes + computing - ended))
    wait "$ended" || failed=1
  fi
  # What failed is shown last.
  [ "$failed" = 1 ] && [ "$ended" = "$processes" ] || cat "$said"
  [ "$failed" = 1 ] || trap - EXIT
  return "$failed"
}

command_test() {
  mkdir -p build
  setup test
  UX="${MULLION_UX:-ON}"
  export MULLION_EXPECT_UX="$UX"  # tests of an interface that is not there must not pass
  : >build/test-times
  case "${1:-}" in
    '') run_all_parts ;;
    --changed) run_parts checks changed_rooms tidy ;;
    *) run_parts "$@" ;;
  esac
  say "everything passed after $SECONDS s"
  cat build/test-times
}

command_run() {
  setup run
  build_release
  exec /usr/bin/python3 tools/demo.py "$@"
}

command_chaos() {
  setup test
  build_release
  local which=run.py
  if [[ ${1:-} == --cluster ]]; then
    which=cluster.py
    shift
  fi
  exec /usr/bin/python3 "tests/chaos/$which" "$@"
}

# Times of pages need a browser, and mean something only on a quiet machine: they are asked for by name.
bench_ux() {
  (cd ux && npm ci --prefer-offline --no-progress)
  ux_script bench -- "$@"
}

command_bench() {
  setup bench
  build_release
  if [ "${1:-}" = ux ]; then
    shift
    bench_ux "$@"
    return
  fi
  configure build/bench RelWithDebInfo -DMULLION_TESTS=OFF -DMULLION_BENCH=ON -DMULLION_UX=OFF
  ninja -j "$JOBS" -C build/bench
  /usr/bin/python3 bench/system_bench.py "$@"
  /usr/bin/python3 bench/pack_bench.py
  /usr/bin/python3 bench/links_bench.py
  /usr/bin/python3 bench/flood_bench.py
  /usr/bin/python3 bench/followers_bench.py
  /usr/bin/python3 bench/failover_bench.py
  /usr/bin/python3 bench/cluster_bench.py
}

command_fix() {
  setup test
  python3 tools/generate_settings.py --golden
  python3 tools/generate_schema.py --golden
  build_release
  rm -f docs/reference/cli/*.md
  build/mullion __reference docs/reference/cli
  local files
  mapfile -t files < <(sources)
  clang-format-14 -i "${files[@]}"
}

command=${1:-help}
[ $# -eq 0 ] || shift
case "$command" in
  run) command_run "$@" ;;
  test) command_test "$@" ;;
  build) setup build; build_release ;;
  packages) packages "${1:-test}" ;;
  chaos) command_chaos "$@" ;;
  bench) command_bench "$@" ;;
  fix) command_fix ;;
  help | --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
