#!/bin/sh
# Any number of processes and nodes with Open MPI, MPICH or another mpiexec, all on one batch:
#   scripts/mpi/generate.sh 8 prompts.jsonl outputs [OPTIONS OF jdit generate]
# HOSTS names the nodes (a,b,c). The processes do not talk by MPI: mpiexec only starts them, and
# they share the output folder, which has to be on a file system that all nodes see.
set -u
if [ $# -lt 3 ]; then
  echo "usage: $0 PROCESSES PROMPTS OUTPUT_FOLDER [OPTIONS OF jdit generate]" >&2
  exit 2
fi
processes=$1
prompts=$2
outputs=$3
shift 3
exec "${MPIEXEC:-mpiexec}" -n "$processes" ${HOSTS:+-host "$HOSTS"} \
  "${JDIT:-jdit}" generate --prompt-path "$prompts" --output-path "$outputs" --resume "$@"
