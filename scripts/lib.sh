# What scripts/demo and scripts/test share. Source it; do not run it.
#
# Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# shellcheck shell=bash disable=SC2034

GEM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$GEM_ROOT" || exit 2
GEM_LOGS=$GEM_ROOT/build/logs
GEM_JOBS=${GEM_JOBS:-$(nproc)}
GEM_TICKER=

# ccache may share objects between checkouts and build folders, precompiled
# headers included.
export CCACHE_BASEDIR=$GEM_ROOT CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

if [ -t 1 ]; then gem_terminal=1; else gem_terminal=; fi
if [ -n "$gem_terminal" ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-}" != dumb ]; then
  gem_bold=$'\e[1m' gem_dim=$'\e[2m' gem_red=$'\e[31m' gem_green=$'\e[32m' gem_reset=$'\e[0m'
else
  gem_bold='' gem_dim='' gem_red='' gem_green='' gem_reset=''
fi

# --- messages -----------------------------------------------------------------

gem_heading() { printf '\n%s%s%s\n' "$gem_bold" "$*" "$gem_reset"; }

# gem_fail MESSAGE...: one line each on standard error, then exit 2.
gem_fail() {
  printf '%s\n' "$@" >&2
  exit 2
}

gem_now() { local t=${EPOCHREALTIME/./}; printf '%s' "${t/,/}"; }  # microseconds

# gem_elapsed START: "0.4 s", "12 s", "3 min 05 s".
gem_elapsed() {
  local tenths=$((($(gem_now) - $1) / 100000))
  if ((tenths < 100)); then printf '%d.%d s' $((tenths / 10)) $((tenths % 10))
  elif ((tenths < 1200)); then printf '%d s' $((tenths / 10))
  else printf '%d min %02d s' $((tenths / 600)) $((tenths / 10 % 60)); fi
}

# gem_line LABEL RESULT TIME: one aligned line for a finished step.
gem_line() {
  local clear=''
  [ -z "$gem_terminal" ] || clear=$'\r\e[K'
  printf '%s  %-46s %s%12s%s%s\n' "$clear" "$1" "$gem_dim" "$3" "$gem_reset" "${2:+  $2}"
}

# --- running things -----------------------------------------------------------

gem_stop_ticker() {
  [ -n "$GEM_TICKER" ] || return 0
  kill "$GEM_TICKER" 2>/dev/null
  wait "$GEM_TICKER" 2>/dev/null
  GEM_TICKER=
}
trap gem_stop_ticker EXIT
trap 'gem_stop_ticker; printf "\n%sinterrupted%s\n" "$gem_red" "$gem_reset" >&2; exit 130' INT TERM

# On a terminal, shows LABEL, the last "[n/m]" of the log and the time passed.
gem_ticker() {
  local label=$1 log=$2 start=$3 progress
  while sleep 0.5; do
    progress=$(tail -c 2000 "$log" 2>/dev/null | grep -oE '\[ *[0-9]+/[0-9]+\]' | tail -n 1)
    printf '\r\e[K  %-46s %s%12s  %s%s' "$label" "$gem_dim" "$(gem_elapsed "$start")" \
      "$progress" "$gem_reset"
  done
}

# gem_capture LABEL LOG COMMAND...: runs COMMAND with its output in LOG and a
# ticker on a terminal. Returns the command's status; prints nothing that stays.
gem_capture() {
  local label=$1 log=$2 start status
  shift 2
  start=$(gem_now)
  mkdir -p "$(dirname "$log")"
  printf '$ %s\n' "$*" >"$log"
  if [ -n "$gem_terminal" ]; then
    gem_ticker "$label" "$log" "$start" &
    GEM_TICKER=$!
  fi
  "$@" >>"$log" 2>&1 </dev/null
  status=$?
  gem_stop_ticker
  [ -z "$gem_terminal" ] || printf '\r\e[K'
  return "$status"
}

# gem_tail LOG: the end of a log, indented, and where the rest is.
gem_tail() {
  tail -n "${2:-40}" "$1" | cut -c1-300 | sed 's/^/    /'
  printf '    %sthe whole log: %s%s\n' "$gem_dim" "$1" "$gem_reset"
}

# gem_step LABEL LOG COMMAND...: gem_capture, then a line; exits when it failed.
gem_step() {
  local label=$1 log=$2 start
  start=$(gem_now)
  if gem_capture "$@"; then
    gem_line "$label" '' "$(gem_elapsed "$start")"
  else
    gem_line "$label" "${gem_red}failed${gem_reset}" "$(gem_elapsed "$start")"
    gem_tail "$log"
    exit 1
  fi
}

# gem_configure PRESET FOLDER [CMAKE OPTIONS...]: configures when the folder has
# no finished configuration yet; ninja re-runs CMake by itself after that.
gem_configure() {
  local preset=$1 folder=$2
  shift 2
  if [ -f "$folder/build.ninja" ] && [ "$folder/build.ninja" -nt CMakePresets.json ] &&
    [ "$(cat "$folder/configured-with" 2>/dev/null)" = "$preset $*" ]; then
    return 0
  fi
  cmake --preset "$preset" "$@" && printf '%s\n' "$preset $*" >"$folder/configured-with"
}

# --- packages -----------------------------------------------------------------

# gem_packages GROUP...: the packages of the groups, one a line.
gem_packages() {
  local group
  for group in "$@"; do
    awk -v want="[$group]" '
      /^\[/ { inside = ($1 == want); found = found || inside; next }
      /^[ \t]*(#|$)/ { next }
      inside { print $1 }
      END { exit !found }' scripts/packages.txt ||
      gem_fail "scripts/packages.txt has no group [$group]"
  done
}

# gem_missing PACKAGE...: those that are not installed.
gem_missing() {
  local native
  command -v dpkg-query >/dev/null || return 0
  native=$(dpkg --print-architecture)
  dpkg-query -W -f='${db:Status-Abbrev}|${Package}:${Architecture}\n' 2>/dev/null |
    awk -F'|' -v native="$native" -v wanted="$*" '
      substr($1, 2, 1) == "i" {
        have[$2] = 1
        sub(":all$", ":" native, $2)
        have[$2] = 1
      }
      END {
        count = split(wanted, names, " ")
        for (i = 1; i <= count; ++i) {
          name = names[i]
          if (name !~ /:/) name = name ":" native
          if (!(name in have)) print names[i]
        }
      }'
}

# gem_require GROUP...: makes sure that the packages of the groups are there.
# Installs what is missing as root (or by `sudo -n`); otherwise says what to run.
# Does not touch the network when nothing is missing.
gem_require() {
  local missing architectures=() architecture as_root=() update=() start
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    gem_line 'packages' 'not a Debian system: not checked' ''
    return 0
  fi
  start=$(gem_now)
  missing=$(gem_packages "$@") || exit 2
  # shellcheck disable=SC2086 # names hold no spaces
  missing=$(gem_missing $missing)
  if [ -z "$missing" ]; then
    gem_line "packages: $*" 'all there' "$(gem_elapsed "$start")"
    return 0
  fi
  missing=${missing//$'\n'/ }
  for architecture in $(tr ' ' '\n' <<<"$missing" | sed -n 's/.*://p' | sort -u); do
    dpkg --print-foreign-architectures | grep -qx "$architecture" ||
      architectures+=("$architecture")
  done
  if [ "$(id -u)" = 0 ]; then as_root=()
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n)
  else
    update=("${architectures[@]/#/dpkg --add-architecture }" 'apt-get update'
      "apt-get install --no-install-recommends $missing")
    gem_fail "Debian packages are missing (group $*):" "  $missing" \
      'Installing them needs root. Run as root, then start this again:' \
      "${update[@]/#/  }"
  fi
  for architecture in "${architectures[@]}"; do
    gem_step "adding the architecture $architecture" "$GEM_LOGS/packages.log" \
      "${as_root[@]}" dpkg --add-architecture "$architecture"
  done
  gem_step 'updating the package lists' "$GEM_LOGS/packages.log" \
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update
  # shellcheck disable=SC2086
  gem_step "installing $(wc -w <<<"$missing") packages" "$GEM_LOGS/packages.log" \
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install $missing
}
