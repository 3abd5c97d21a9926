#!/usr/bin/env bash
# The engine's speed and peak memory; scripts/bench_storage.sh measures the storage.
exec "$(dirname "$0")/bench_engine.sh" "$@"
