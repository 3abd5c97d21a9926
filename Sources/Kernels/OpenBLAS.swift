internal import COpenBLAS

package typealias FloatPointer = UnsafeMutablePointer<Float>
package typealias ConstFloatPointer = UnsafePointer<Float>

func holdOpenBLASToOneThread() { openblas_set_num_threads(1) }

/// The kernels OpenBLAS picked for this processor, for provenance ("Cooperlake", "Haswell", …).
/// `OPENBLAS_CORETYPE` in the environment pins it.
package var openBLASCore: String { String(cString: openblas_get_corename()) }

/// The products without oneDNN, each on the calling thread. Same contracts as `Matmul`'s; a row's bits depend on how
/// many rows come with it, so only whole shards reproduce.
enum OpenBLAS {
  /// y[rows, n] = x[rows, k] · w[n, k]ᵀ, added to y when `accumulate`.
  static func forward(
    _ x: ConstFloatPointer, rows: Int, _ w: ConstFloatPointer, k: Int, n: Int, _ y: FloatPointer, accumulate: Bool
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(n), blasint(k), 1, x, blasint(k), w,
      blasint(k), accumulate ? 1 : 0, y, blasint(n))
  }

  /// dx[rows, k] = dy[rows, n] · w[n, k]
  static func inputGradient(
    _ dy: ConstFloatPointer, rows: Int, _ w: ConstFloatPointer, k: Int, n: Int, _ dx: FloatPointer, accumulate: Bool
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(k), blasint(n), 1, dy, blasint(n), w,
      blasint(k), accumulate ? 1 : 0, dx, blasint(k))
  }

  /// dw[outputs, k] += dy[rows, outputs]ᵀ · x[rows, k], with rows of dy `stride` apart.
  static func weightGradient(
    _ dy: ConstFloatPointer, stride: Int, outputs: Int, rows: Int, _ x: ConstFloatPointer, k: Int, _ dw: FloatPointer
  ) {
    cblas_sgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans, blasint(outputs), blasint(k), blasint(rows), 1, dy, blasint(stride), x,
      blasint(k), 1, dw, blasint(k))
  }
}
