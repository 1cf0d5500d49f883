# Sourced after common.sh: which Rust builds what.
#
# Native code: the cargo on PATH, else Debian's.
# wasm: rustup where its target is there or can be had, else Debian's rustc,
# which builds the standard library itself and so needs package registries only.
# AIRGATE_TOOLCHAIN=debian|rustup|auto decides by hand.

debian_packages=(rustc-web cargo-web rust-web-src lld-22 wasi-libc)

# use_native [SUBCOMMAND...]: sets `cargo` to one that has these subcommands.
use_native() {
  if path_has "$@"; then
    cargo=(cargo)
    export CARGO_TARGET_DIR=$root/target
    return
  fi
  local packages=(rustc-web cargo-web)
  [[ " $* " == *" fmt "* ]] && packages+=(rustfmt-web)
  [[ " $* " == *" clippy "* ]] && packages+=(rust-web-clippy)
  need_packages "${packages[@]}"
  use_debian
}

path_has() {
  local subcommand
  command -v cargo >/dev/null || return
  for subcommand in "$@"; do
    cargo "$subcommand" --version >/dev/null 2>&1 || return
  done
}

# use_wasm TARGET: sets `cargo`, `toolchain` and `rustflags`, and exports what they need to build for TARGET.
use_wasm() {
  local target=$1
  rustflags=()
  toolchain=$(choose "$target")
  if [[ $toolchain == rustup ]]; then
    cargo=(cargo)
    export CARGO_TARGET_DIR=$root/target
    return
  fi
  command -v apt-get >/dev/null || fail "no Rust for $target here; run: rustup target add $target"
  need_packages "${debian_packages[@]}"
  use_debian
  local name=${target^^}
  name=${name//-/_}
  export RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort
  export "CARGO_TARGET_${name}_LINKER=wasm-ld-22"
  # The standard library at level 3, as rustup ships it; our own level would go for it too, and "z" leaves what it
  # does for each request uninlined, and even the module larger.
  cargo+=(--config profile.release.package.core.opt-level=3 --config profile.release.package.alloc.opt-level=3)
  # No self-contained linking: Debian's rustc ships neither a linker nor wasi-libc.
  if [[ $target == wasm32-wasip1 ]]; then
    rustflags=(-C link-self-contained=no -L native=/usr/lib/wasm32-wasi)
    use_rustflags
  fi
}

# Hands `rustflags` to cargo; a path among them may hold spaces.
use_rustflags() {
  local IFS=$'\x1f'
  export CARGO_ENCODED_RUSTFLAGS="${rustflags[*]}"
}

# Its own target directory: two versions of rustc in one would undo each other's work.
use_debian() {
  cargo=(/usr/bin/cargo)
  # rustup's proxies must not answer for `cargo clippy`: so Debian's come first, and rustup's folder
  # last, because cargo puts it first itself where it is missing.
  export PATH=/usr/bin:$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
  export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc
  export CARGO_TARGET_DIR=$root/target/debian
}

choose() {
  local target=$1 refused=$build/stamp/rustup-refused
  case ${AIRGATE_TOOLCHAIN:-auto} in
    debian) echo debian ;;
    rustup)
      rustup_has "$target" || add_target "$target" || fail "rustup has no $target; run: rustup target add $target"
      echo rustup
      ;;
    auto)
      if rustup_has "$target"; then
        echo rustup
      elif [[ ! -e $refused ]] && command -v rustup >/dev/null && add_target "$target"; then
        echo rustup
      else
        # Asked once: a network that refuses is not waited for on every build.
        touch "$refused"
        echo debian
      fi
      ;;
    *) fail "AIRGATE_TOOLCHAIN is debian, rustup or auto, not $AIRGATE_TOOLCHAIN" ;;
  esac
}

rustup_has() { rustup target list --installed 2>/dev/null | grep -qx -- "$1"; }

add_target() {
  say "adding $1 to rustup"
  timeout 60 rustup target add "$1" >"$build/log/rustup.log" 2>&1
}
