#if HAVE_ONEDNN
  internal import COneDNN
#endif

extension Matmul {
  /// The library of the products and its version or kernels.
  package static var library: String {
    #if HAVE_ONEDNN
      let version = dnnl_version().pointee
      return "oneDNN \(version.major).\(version.minor).\(version.patch)"
    #else
      return "OpenBLAS \(openBLASCore)"
    #endif
  }

  /// Tries on this machine whether a row of a forward product has the same bits in every batch: one row at several
  /// places of batches of 1 to 65, with plain and with packed weights, whole and by columns. Some milliseconds.
  func tryInvariance() -> Bool {
    let inputs = 320, outputs = 192, most = 65
    let weight = Arena(count: inputs * outputs), x = Arena(count: most * inputs), y = Arena(count: most * outputs)
    let random = RolloutRandom(seed: 1, step: 0, prompt: 0, sample: 0)
    for i in 0..<inputs * outputs { weight.base[i] = random.normal(position: i) }
    for i in 0..<most * inputs { x.base[i] = random.normal(position: i + inputs * outputs) }
    let halves = Arena(count: inputs * outputs / 2)
    round(weight.base, count: inputs * outputs, to: halves.halves)
    let plain = Linear(inputs: inputs, outputs: outputs, plain: weight.base, rounded: halves.halves)
    let packed = packing(plain)
    var first: [UInt32] = []
    for linear in [plain, packed] {
      for rows in [1, 2, 7, 16, 33, most] {
        let row = rows * 2 / 3
        let subject = x.base + row * inputs
        for i in 0..<inputs { subject[i] = random.normal(position: i) }
        forward(x.base, rows: rows, linear, y.base)
        let bits = (0..<outputs).map { y.base[row * outputs + $0].bitPattern }
        if first.isEmpty { first = bits } else if bits != first { return false }
      }
    }
    return true
  }

  /// What computes, for provenance: library, version of our kernels, precision, and whether rows are batch-invariant.
  package var description: String {
    "\(Self.library), \(kernelVersion), \(precision), \(isBatchInvariant ? "batch-invariant" : "not batch-invariant")"
  }
}
