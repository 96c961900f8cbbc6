#!/usr/bin/env bash
# What the other scripts share. Sourced, not run: the caller has set -euo pipefail and cd to the root of the repository.

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' red='' plain=''
fi

say() { printf '%s%s%s\n' "$bold" "$*" "$plain" >&2; }

die() {
  printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
  exit 1
}

# usage_of SCRIPT: the comment below its first line.
usage_of() { sed -n '2,/^[^#]/ { s/^# \{0,1\}//p }' "scripts/${1##*/}"; }

# So that ccache finds in one clone what another has compiled.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

core_count() { nproc 2>/dev/null || echo 2; }

# Of ninja's lines, "[done/all] what", one in twenty seconds.
sometimes() {
  local line next=0
  while read -r line; do
    if [[ $line =~ ^\[([0-9]+/[0-9]+)\] ]] && ((SECONDS >= next)); then
      say "  ${BASH_REMATCH[1]}"
      next=$((SECONDS + 20))
    fi
  done
}

# folder_of PRESET: where it is built.
folder_of() { [[ $1 == release ]] && echo build || echo "build/$1"; }

# configure PRESET LOG: where that was not done.
configure() {
  local preset=$1 log=$2 folder
  folder=$(folder_of "$preset")
  [[ ! -e $folder/build.ninja ]] || return 0
  mkdir -p "$(dirname "$log")"
  cmake --preset "$preset" ${cmake_options[@]+"${cmake_options[@]}"} >"$log" 2>&1 || {
    cat "$log" >&2
    die "cmake could not configure $folder; see above, or $log"
  }
}

# build PRESET LOG [TARGET...]: configures where needed and builds. Shows ninja's progress on a terminal, else a little of
# it, and whatever failed.
build() {
  local preset=$1 log=$2 folder
  shift 2
  folder=$(folder_of "$preset")
  local targets=()
  (($# == 0)) || targets=(--target "$@")
  configure "$preset" "$log"
  mkdir -p "$(dirname "$log")"
  if [[ -t 1 ]]; then
    cmake --build "$folder" -j "$(core_count)" "${targets[@]}" || die "the build failed; see above"
  else
    cmake --build "$folder" -j "$(core_count)" "${targets[@]}" 2>&1 | tee "$log" | sometimes || {
      # Nothing but progress is a log too, where grep finds no line and would end the script.
      { grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" || true; } | tail -n 60 >&2
      die "the build failed; the whole of it is in $log"
    }
  fi
}

# findings_of_sanitizers PREFIX: what is in the files PREFIX.*, each below its name; false where they report nothing. Not a
# report: that ASan does not follow an exception on a fibre's stack.
findings_of_sanitizers() {
  local harmless='requested __asan_handle_no_return|^False positive error reports may follow$|sanitizers/issues/189$'
  local file found=1
  for file in "$1".*; do
    if [[ -e $file ]] && grep -qvE "$harmless" "$file"; then
      echo "$file:"
      head -n 60 "$file"
      found=0
    fi
  done
  return "$found"
}
