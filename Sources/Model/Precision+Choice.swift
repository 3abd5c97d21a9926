import Formats
package import Kernels

extension Precision {
  /// The precision that was asked for, else the preferred one, else the processor's own.
  ///
  /// - Parameters:
  ///   - name: as the user wrote it.
  ///   - preferred: what the inputs were computed in; passed over where this machine does not have it.
  /// - Throws: `usage` for a name that there is not, or that this machine does not have.
  package static func choose(_ name: String?, preferred: String? = nil) throws -> Precision {
    guard let name else {
      let wanted = preferred.flatMap(Precision.init(rawValue:)) ?? native
      return wanted.isSupported ? wanted : .f32
    }
    guard let precision = Precision(rawValue: name) else {
      throw RollbookError.usage("--precision \(name): expected \(allCases.map(\.rawValue).joined(separator: " or "))")
    }
    guard precision.isSupported else {
      throw RollbookError.usage(
        "--precision \(name): this processor does not multiply bfloat16, or Rollbook was built without oneDNN",
        hint: "use --precision f32")
    }
    return precision
  }
}
