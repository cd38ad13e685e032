# Sourced: makes a folder for the files of tests, and removes it when the shell ends.
# A save waits for a disk. It does not wait for memory, where that is a file system whose programs may run.
folder=$(mktemp -d -p /dev/shm 2>/dev/null) && cp "$(type -P true)" "$folder/true" && "$folder/true" \
  || { rm -rf "${folder:-}"; folder=$(mktemp -d); }
trap 'rm -rf "$folder"' EXIT
