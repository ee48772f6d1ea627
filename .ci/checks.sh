# For the scripts beside it, which source it: runs checks one after another and counts them.
passed=0
failed=0
failures=()

# check <name> <command …>: one check, passed or failed; the others run in any case.
check() {
  local name=$1
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    failures+=("$name")
    printf '=== %s: FAILED\n' "$name"
  fi
}

# The last lines of all; fails where a check has.
verdict() {
  printf '\n'
  for name in "${failures[@]+"${failures[@]}"}"; do printf 'failed: %s\n' "$name"; done
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
