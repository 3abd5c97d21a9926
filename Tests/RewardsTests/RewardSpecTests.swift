import Rewards
import Testing

@Suite struct RewardSpecTests {
  @Test(arguments: [
    ("mth", "unknown reward 'mth'; there are math"), ("", "unknown reward ''"), ("math:fallbck=none", "keys fallback"),
    ("math:fallback=first", "expected one of last, none"), ("math:fallback=none,fallback=last", "given twice"),
    ("sort-positions:x=1", "takes no settings"), ("format:form=strict,pattern=a", "either form or pattern"),
    ("format:pattern=a(", "at byte 1"), ("o1-pruner:min=x", "expected a number"), ("o1-pruner:min=2,max=1", "above"),
  ])
  func faultsSayWhatIsLegal(spec: String, message: String) {
    #expect { try RewardRegistry.reward(spec) } throws: { error in
      (error as? RewardError)?.description.contains(message) == true
    }
  }

  /// A row for every reward: its parameters are all explicit.
  @Test(arguments: [
    ("math", "fallback=last,percent=lenient"), ("math:fallback=none", "fallback=none,percent=lenient"),
    ("format", "form=answer-line"), ("format:form=strict", "form=strict"),
    (#"format:pattern=a{2,3},b"#, #"pattern=a{2,3},b"#), ("exact:from=tag", "case=exact,from=tag"),
    ("sort-positions", ""), ("sort-neighbours", ""), ("o1-pruner", "reference=group,lambda=none,min=none,max=none"),
    ("o1-pruner:lambda=2,max=4", "reference=group,lambda=2.0,min=none,max=4.0"), ("kimi-length", ""),
    ("overlong", "rule=trl,max=limit,cache=max/5,factor=1.0"),
    ("overlong:rule=verl,max=9,buffer=3", "rule=verl,max=9.0,cache=3.0,factor=1.0"),
    ("cosine", "min-wrong=-1.0,max-wrong=-0.5,min-right=0.5,max-right=1.0,max=limit"),
    ("linear:to=5", "from=0.0,to=5.0"), ("target-length", "form=exact,target=target_length,alpha=0.0003,delta=0.5"),
    ("repetition", "ngram=3,max-penalty=-1.0,of=tokens"), ("json:from=fence", "from=fence"),
    ("json-schema", "from=response,schema=meta"),
    (#"json-schema:schema={"enum": [1, 2]},from=tag"#, #"from=tag,schema={"enum": [1, 2]}"#),
    ("language", "language=match-prompt"), ("language=de", "language=de"),
    ("answer-present", "case=fold,from=response"),
    ("countdown", "from=response"), ("chain-sum:from=tag", "from=tag"), ("number-sorting", "from=response"),
    ("gsm-symbolic", "from=response"), ("f1", "measure=f1,from=response"), ("rouge-l", "from=response"),
    ("bleu", "smooth=exp,case=exact,from=response"), ("instructions", "count=share"),
  ])
  func parametersAreExplicit(spec: String, parameters: String) throws {
    let reward = try RewardRegistry.reward(spec)
    #expect(reward.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ",") == parameters)
    #expect(spec.hasPrefix(reward.name))
    #expect(reward.version >= 1)
  }

  @Test func everyRewardIsInTheTableOnce() {
    let names = RewardRegistry.table.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(
      names == [
        "math", "format", "json", "json-schema", "language", "repetition", "answer-present", "exact", "sort-positions",
        "sort-neighbours", "o1-pruner", "kimi-length", "overlong", "cosine", "linear", "target-length",
        "countdown", "chain-sum", "number-sorting", "gsm-symbolic", "f1", "rouge-l", "bleu", "instructions",
      ])
  }

  @Test(arguments: [
    ("math", "math", 1), ("math=0.5", "math", 0.5), ("math=-1", "math", -1),
    ("math:fallback=none", "math:fallback=none", 1), ("math:fallback=none=0", "math:fallback=none", 0),
    ("format:pattern=a=b", "format:pattern=a=b", 1),
    ("format:pattern=x=3=0.2", "format:pattern=x=3", 0.2), ("language=en=0.5", "language=en", 0.5),
    ("overlong:rule=trl,max=2", "overlong:rule=trl,max=2", 1),
    ("overlong:rule=trl,max=2=0.5", "overlong:rule=trl,max=2", 0.5),
  ])
  func weights(text: String, name: String, weight: Double) throws {
    let set = try RewardSet(specs: [text])
    #expect(set.names == [name])
    #expect(set.terms[0].weight == weight)
  }

  /// A number at the end is the weight, unless the key of a setting stands before it.
  @Test(arguments: [
    ("remote=http://h:1/p", "remote=http://h:1/p", 1), ("remote=http://h:1/p=0.5", "remote=http://h:1/p", 0.5),
    ("remote:url=http://h:1/p,batch=4", "remote:url=http://h:1/p,batch=4", 1),
    ("remote:url=http://h:1/p,batch=4=0.5", "remote:url=http://h:1/p,batch=4", 0.5),
    ("remote:batch=4=2; as server", "remote:batch=4", 2),
    ("o1-pruner:lambda=2,max=4", "o1-pruner:lambda=2,max=4", 1), ("o1-pruner:max=4=3", "o1-pruner:max=4", 3),
  ])
  func weightsAfterSettings(text: String, spec: String, weight: Double) throws {
    let entry = RewardRegistry.Entry(name: "remote", summary: "", keys: [("url", ""), ("batch", "")], mainKey: "url") { _ in
      try RewardRegistry.reward("math")
    }
    let term = try RewardTerm(parsing: text, registry: RewardRegistry(adding: [entry]))
    #expect(term.spec == spec)
    #expect(term.weight == weight)
  }

  @Test(arguments: [
    (["math", "math=2"], "given twice"), (["o1-pruner"], "needs to know which answers are right"),
    (["math=much"], "expected a number as weight"), (["math=nan"], "expected a number as weight"),
    (["math=1", "nothing=2"], "unknown reward"),
  ])
  func setsThatCannotBe(specs: [String], message: String) {
    #expect { try RewardSet(specs: specs) } throws: { error in
      (error as? RewardError)?.description.contains(message) == true
    }
  }

  /// Order on the command line does not matter: the judge goes first.
  @Test func lengthsAreGrantedToCorrectAnswers() throws {
    let set = try RewardSet(specs: ["o1-pruner=0.1", "format=0.2", "math=1"])
    let group = [("2 + 3 = 5\nAnswer: 5", 10), ("Answer: 6", 5), ("it is 5", 15)].map { text, length in
      RewardInput(response: Array(text.utf8), answer: Array("5".utf8), responseLength: length)
    }
    let scored = try set.score(group)
    #expect(scored.map(\.correct) == [true, false, true])
    #expect(scored.map(\.components) == [[0, 1, 1], [0, 1, 0], [10.0 / 15 - 1, 0, 1]])
    #expect(scored[0].total == 1.2)
    #expect(scored[1].total == 0.2)
    #expect(scored.map(\.extracted) == ["5", "6", "5"])
  }

  @Test func unscoredComponentsAreLeftOut() throws {
    let set = try RewardSet(specs: ["math", "format=0.5"])
    let scored = try set.score([RewardInput(response: Array("Answer: 5".utf8))])
    #expect(scored[0].components == [nil, 1])
    #expect(scored[0].total == 0.5)
    #expect(scored[0].correct == nil)
    #expect(try RewardSet(specs: ["math"]).score([RewardInput(response: [])])[0].total == nil)
    #expect(try RewardSet(specs: []).score([RewardInput(response: [])])[0].total == nil)
    #expect(weightedSum([nil, nil], weights: [1, 2]) == nil)
  }
}
