import Testing

@Suite struct GoldenCheckTests {
  /// An objective without a check, and an expected number that nobody looks at, are failures.
  @Test func whatNobodyChecksFails() throws {
    try withKnownIssue { try GoldenCase.check("value_losses.json", [:]) }
    try withKnownIssue {
      try GoldenCase.check(
        "value_losses.json", ["value_loss": { $0.covers(["loss"]) }, "whiten": { $0.covers(["whitened"]) }])
    }
  }
}
