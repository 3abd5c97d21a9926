# Shared by the scripts here: where the programs are, and words for what is missing. Source it, do not run it.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${ROLLBOOK_BIN:-$root/.build/release}
cache=${ROLLBOOK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rollbook}
model_file=SmolLM2-135M-Instruct.Q4_1.gguf

# Some machines pin OpenBLAS to older kernels. Products go to oneDNN where it is installed; this matters without it.
unset OPENBLAS_CORETYPE

die() { echo "${0##*/}: $*" >&2; exit 69; }

need_programs() {
  for program in rollbook rollbook-generate rollbook-score rollbook-train; do
    [ -x "$bin/$program" ] || die "$bin/$program is not built. Run: swift build -c release"
  done
}
