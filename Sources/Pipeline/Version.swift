/// Which code this is; goes into every manifest.
package enum Version {
  /// Semantic version of the programs.
  package static let text = "0.1.0"

  /// The git commit, where the build wrote one here (packagers replace the `nil`).
  private static let builtCommit: String? = nil

  /// The git commit: `ROLLBOOK_COMMIT` of the environment, else what was built in, else unknown.
  package static var commit: String? {
    if let commit = Terminal.environment("ROLLBOOK_COMMIT"), !commit.isEmpty { return commit }
    return builtCommit
  }
}
