internal import Foundation
internal import Kernels
internal import Pipeline

/// The models that a process computes with: each is opened once, however many rewards ask it.
final class ModelShelf: @unchecked Sendable {
  private let lock = NSLock()
  private var models: [String: ScoringModel] = [:]
  private var pool: ThreadPool?
  private var matmuls: [Precision: Matmul] = [:]

  /// The model of that name, which is made where it is not there yet.
  func model(_ key: String, _ make: () throws -> ScoringModel) throws -> ScoringModel {
    if let known = lock.withLock({ models[key] }) { return known }
    let made = try make()
    return lock.withLock {
      models[key] = models[key] ?? made
      return models[key] ?? made
    }
  }

  /// Products in that precision, all by the same threads.
  func matmul(_ precision: Precision, _ context: ScoringContext) -> Matmul {
    lock.withLock {
      if let known = matmuls[precision] { return known }
      let team = pool ?? ThreadPool(threads: context.threads)
      pool = team
      let made = Matmul(pool: team, precision: precision)
      matmuls[precision] = made
      if !made.isBatchInvariant, !context.quiet {
        Output.note(
          "note: products on this processor depend on the batch (it is older than AVX-512, or oneDNN is missing): "
            + "scores of a model that are made again may differ in their last digits")
      }
      return made
    }
  }
}
