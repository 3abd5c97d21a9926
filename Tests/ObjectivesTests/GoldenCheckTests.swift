import Testing

@Suite struct GoldenCheckTests {
  /// The checks of the files see an objective without a check, and an expected number that nobody looks at.
  @Test func whatNobodyChecksIsSeen() throws {
    let cases = try GoldenCase.all("value_losses.json")
    #expect(GoldenCase.unchecked(cases, ["whiten"]) == ["value_loss"])
    let golden = try #require(cases.first { $0.objective == "value_loss" })
    #expect(golden.uncovered(["loss"]) == ["grad", "metrics"])
  }
}
