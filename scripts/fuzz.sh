#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET...]: lets the fuzzer loose on each target for so long, and says how often it ran.
# Corpus, logs and what made a target fall stay in .build/fuzz.
. "$(dirname "$0")/common.sh"

seconds=$1
shift
folder=$build/fuzz
command -v rustup >/dev/null && cargo +nightly --version >/dev/null 2>&1 ||
  fail "fuzzing needs a nightly Rust (rustup toolchain install nightly); make test-unit replays the seeds on any"

install() {
  say "installing cargo-fuzz"
  rm -rf "$folder/tools"
  quietly cargo-fuzz-venv "${PYTHON:-python3}" -m venv "$folder/tools"
  quietly cargo-fuzz "$folder/tools/bin/python" -m pip install --disable-pip-version-check --require-hashes \
    -r scripts/cargo-fuzz.txt
}
once cargo-fuzz "$(digest scripts/cargo-fuzz.txt) $root" install
export PATH=$folder/tools/bin:$PATH

# No sanitizer: the core holds no unsafe code, and without one there are several times as many executions.
options=(--sanitizer none --target-dir "$folder/target")
cd fuzz
say "building the targets"
quietly fuzz-build cargo +nightly fuzz build "${options[@]}"
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list)

fallen=()
for target in "${targets[@]}"; do
  mkdir -p "$folder/corpus/$target" "$folder/fallen/$target"
  log=$folder/$target.log
  arguments=(-max_total_time="$seconds" -max_len=4096 -timeout=20 -rss_limit_mb=1024 -print_final_stats=1
    -artifact_prefix="$folder/fallen/$target/")
  [[ -f dictionaries/$target.txt ]] && arguments+=(-dict="dictionaries/$target.txt")
  if cargo +nightly fuzz run "${options[@]}" "$target" "$folder/corpus/$target" "seeds/$target" -- "${arguments[@]}" \
    >"$log" 2>&1; then
    verdict=held
  else
    verdict="FELL, see ${log#"$root"/}"
    fallen+=("$target")
  fi
  executions=$(awk '/number_of_executed_units/ { print $2 }' "$log")
  printf '%-14s %10s executions  %s\n' "$target" "${executions:-no}" "$verdict"
done
((${#fallen[@]} == 0)) || fail "fallen: ${fallen[*]}"
