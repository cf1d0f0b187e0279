# Sourced by setup, run and test: where things live, and how the scripts speak. Everything they say goes to standard error.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export HOME=${HOME:-$(cd ~ && pwd)}

# The model store is outside the checkout; sirocco looks for its default model here too.
store=${SIROCCO_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/sirocco}/models
model=$store/SmolLM2-135M-Instruct.Q4_1.gguf
model_bytes=98362432
# What only the tests fetch.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sirocco
templates=$cache/templates-0.3.36
encoder=$cache/all-MiniLM-L6-v2
clients=$cache/clients-openai-3.57.0-anthropic-2.14.0-jsonschema-4.26.0
browser_clients=$cache/clients-playwright-1.65.2

release=$root/build/release
jobs=$(nproc)

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then printf '       %s\n' "$@" >&2; fi
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# The first clang from 16 on that is installed with clang-tidy; empty if there is none.
installed_clang() {
  local version
  for version in 16 17 18 19 20 21 22; do
    if have "clang++-$version" && have "clang-tidy-$version"; then echo "$version" && return; fi
  done
}

# locked NAME COMMAND…: runs the command while holding the lock of that name; a second caller waits.
locked() {
  local file=$1
  shift
  mkdir -p "$(dirname "$file")" || die "cannot create the folder $(dirname "$file")" "Check its owner and permissions."
  (
    if ! flock -n 9; then
      say "Another set-up is at work; waiting for it"
      flock 9
    fi
    # What the command starts must not keep the lock when the set-up is killed.
    "$@" 9>&-
  ) 9>"$file"
}

# build_tree FOLDER [TARGET…]: silent when there is nothing to do, one line of progress on a terminal.
build_tree() {
  local folder=$1 target targets=()
  shift
  for target in "$@"; do targets+=(--target "$target"); done
  cmake --build "$folder" -j "$jobs" "${targets[@]}" </dev/null 2>&1 | show_progress >&2
}
show_progress() {
  local line pending='' terminal=''
  if [ -t 2 ]; then terminal=yes; fi
  while IFS= read -r line; do
    case $line in
      'ninja: no work to do.' | 'ninja: Entering directory'* | '['*'] Re-checking globbed directories'*) ;;
      '['[0-9]*'/'[0-9]*'] '*)
        if [ -n "$terminal" ]; then
          printf '\r\033[K%.100s' "$line"
          pending=yes
        else
          printf '%s\n' "$line"
        fi
        ;;
      *)
        if [ -n "$pending" ]; then printf '\r\033[K'; fi
        pending=''
        printf '%s\n' "$line"
        ;;
    esac
  done
  if [ -n "$pending" ]; then printf '\r\033[K'; fi
}

# configure_tree PRESET [CMAKE_ARG…]: configures build/PRESET; starts over when the folder came from another place.
configure_tree() {
  local preset=$1 folder=$root/build/$1 home
  shift
  if [ -f "$folder/CMakeCache.txt" ]; then
    home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$folder/CMakeCache.txt")
    if [ "$home" != "$root" ]; then rm -rf "$folder"; fi
  fi
  (cd "$root" && cmake --preset "$preset" --log-level=WARNING "$@" </dev/null >/dev/null) ||
    die "cmake could not configure build/$preset; its message is above."
}
