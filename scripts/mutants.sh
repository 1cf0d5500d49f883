#!/usr/bin/env bash
# mutants.sh [ARGUMENT...]: changes the core in one place at a time and says which changes no test notices
# (docs/mutants.md). Folders and files of src/ say where, without any the three rooms that decide; `--quick` leaves out the
# tests that take longest; the other arguments go to cargo-mutants.
. "$(dirname "$0")/common.sh"
. "$root/scripts/toolchain.sh"

version=27.1.0
folder=$build/mutants

use_native
install() {
  say "building cargo-mutants $version (once, some minutes)"
  quietly cargo-mutants "${cargo[@]}" install cargo-mutants --version "$version" --locked --root "$folder/tool" \
    --target-dir "$folder/tool-target"
  rm -rf "$folder/tool-target"
}
once cargo-mutants "$version" install

# Two thirds of the time that all tests take, and few changes that no other notices.
slow=(
  a_flood_of_unknown_keys an_overflow_ends_too_many entries_go_when_their gateway::tests::explain issuers_without_number
  judge::tests::properties results_do_not_pile_up slim::the_caller_is_the_same tests::in_any_order_of
  the_id_token_has_a_cookie_of_its_own
)

places=() arguments=() skipped=()
for argument in "$@"; do
  case $argument in
    src/*) places+=("$argument") ;;
    --quick) skipped=(-- -- "${slow[@]/#/--skip=}") ;;
    *) arguments+=("$argument") ;;
  esac
done
((${#places[@]})) || places=(src/identity src/access src/http)
for place in "${places[@]}"; do
  case $place in
    *.rs) arguments+=(--file "$place") ;;
    *) arguments+=(--file "${place%/}.rs" --file "${place%/}/**/*.rs") ;;
  esac
done

# A shard is a sample: every so many-th, and not all from one file.
[[ " ${arguments[*]} " != *" --shard"* ]] || arguments+=(--sharding round-robin)

# Kept from run to run: only what is changed is built again.
export CARGO_TARGET_DIR=$folder/target CARGO_INCREMENTAL=1
exec "$folder/tool/bin/cargo-mutants" mutants --output "$folder" "${arguments[@]}" "${skipped[@]}"
