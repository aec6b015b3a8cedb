#!/bin/sh
# Any number of processes and nodes with Open MPI, MPICH or another mpiexec, all on one batch:
#   scripts/mpi/generate.sh 8 prompts.jsonl outputs [OPTIONS OF jdit generate]
# HOSTS names the nodes (a,b,c), this one first. mpiexec only starts the processes; they meet at a port of the first
# node, and share the output folder, which has to be on a file system that all nodes see. Every process is a replica of
# its own, unless --dp-size says otherwise: then the processes of a replica draw together.
set -u
if [ $# -lt 3 ]; then
  echo "usage: $0 PROCESSES PROMPTS OUTPUT_FOLDER [OPTIONS OF jdit generate]" >&2
  exit 2
fi
processes=$1
prompts=$2
outputs=$3
shift 3
case " $* " in
  *" --dp-size"* | *" --dp "* | *" --dp="* | *" --data-parallel-size"*) ;;
  *) set -- --dp-size "$processes" "$@" ;;
esac
first=${HOSTS:-127.0.0.1}
exec "${MPIEXEC:-mpiexec}" -n "$processes" ${HOSTS:+-host "$HOSTS"} \
  env MASTER_ADDR="${MASTER_ADDR:-${first%%,*}}" MASTER_PORT="${MASTER_PORT:-$((20000 + $$ % 20000))}" \
  "${JDIT:-jdit}" generate --prompt-path "$prompts" --output-path "$outputs" --resume "$@"
