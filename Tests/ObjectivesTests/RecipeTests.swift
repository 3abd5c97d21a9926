import Objectives
import Testing

/// One row per recipe and preset: what it learns from, what it needs, its advantage and loss, and the settings that its
/// source prints.
private let rows = """
  sft trl | demonstrations | | none | likelihood | aggregation=token-mean
  reward-model trl | pairs | scores | none | reward-model | center=0.0 pair_weights=pair
  reward-model centred | pairs | scores | none | reward-model | center=0.01 pair_weights=pair
  reward-model instructgpt | pairs | scores | none | reward-model | center=0.0 pair_weights=prompt pair_rule=margin
  reinforce plain | rollouts | | baseline | reinforce | baseline=none aggregation=token-mean
  reinforce batch-mean | rollouts | | baseline | reinforce | baseline=batch-mean
  reinforce centered | rollouts | | group-normalization | reinforce | advantage_scale=none
  reinforce normalized | rollouts | | group-normalization | reinforce | advantage_eps=1e-05 advantage_ddof=1
  reinforce max | rollouts | | baseline | reinforce | baseline=max
  rloo trl | rollouts | reference, old | leave-one-out | clipped-surrogate | ratio_level=sequence_sum eps_low=0.2 \
  aggregation=seq-mean-token-mean kl_in_reward_beta=0.05 kl_in_reward_estimator=k1 advantage_singleton=zero
  rloo verl | rollouts | | leave-one-out | clipped-surrogate | advantage_singleton=raw dual_clip=3.0
  remax verl | rollouts | greedy | greedy | clipped-surrogate | dual_clip=3.0 aggregation=token-mean
  reinforce++ verl | rollouts | | whitened-returns | clipped-surrogate | whiten_ddof=1 whiten_guard=add gamma=1.0
  reinforce++ openrlhf | rollouts | reference, old | whitened-returns | clipped-surrogate | whiten_ddof=0 \
  whiten_guard=clamp kl_in_reward_beta=0.01
  reinforce++-baseline verl | rollouts | | whitened-group-mean | clipped-surrogate | whiten_ddof=1 dual_clip=3.0
  reinforce++-baseline openrlhf | rollouts | reference | whitened-group-mean | clipped-surrogate | kl_beta=0.01 \
  kl_estimator=k2 whiten_ddof=0
  opo verl | rollouts | | baseline | clipped-surrogate | baseline=length-weighted kl_beta=0.0 entropy_coef=0.0
  a2c td | rollouts | entropy, values | gae | reinforce | gamma=0.99 lambda=0.0 value_coef=0.5 entropy_coef=0.01
  a2c gae | rollouts | entropy, values | gae | reinforce | gamma=1.0 lambda=0.95 whiten=none
  a2c off-policy | rollouts | entropy, behaviour, values | gae | cispo | cispo_cap=1.0 ratio_to=behaviour
  ppo verl | rollouts | values | gae | clipped-surrogate | gamma=1.0 lambda=1.0 whiten=verl value_clip=0.5 \
  value_coef=1.0 dual_clip=3.0 kl_in_reward_beta=none
  ppo trl | rollouts | reference, values, old | gae | clipped-surrogate | gamma=1.0 lambda=0.95 value_clip=0.2 \
  value_coef=0.1 kl_in_reward_beta=0.05 dual_clip=none
  ppo-ptx instructgpt | rollouts | reference, values, old | gae | clipped-surrogate | demonstration_coef=27.8 \
  kl_in_reward_beta=0.02
  trpo paper | rollouts | | group-normalization | ratio | max_kl=0.01 damping=0.1 cg_iterations=10 backtracks=10
  grpo trl | rollouts | | group-normalization | clipped-surrogate | advantage_eps=0.0001 advantage_ddof=1 \
  aggregation=seq-mean-token-mean eps_low=0.2 eps_high=0.2 dual_clip=none kl_beta=0.0 drop_uniform_groups=false
  grpo verl | rollouts | reference | group-normalization | clipped-surrogate | advantage_eps=1e-06 \
  advantage_singleton=raw aggregation=token-mean dual_clip=3.0 kl_beta=0.001 empty_sequences=exclude
  grpo openrlhf | rollouts | | group-normalization | clipped-surrogate | advantage_eps=1e-09 aggregation=token-mean
  grpo gdpo | rollouts | | multi-reward | clipped-surrogate | multi_reward=normalize_then_sum reward_weights=none
  dr-grpo trl | rollouts | | group-normalization | clipped-surrogate | advantage_scale=none \
  aggregation=seq-mean-token-sum-norm
  dr-grpo verl | rollouts | | group-normalization | clipped-surrogate | advantage_scale=none dual_clip=3.0
  dapo trl | rollouts | | group-normalization | clipped-surrogate | aggregation=token-mean eps_low=0.2 eps_high=0.28
  dapo verl | rollouts | | group-normalization | clipped-surrogate | eps_high=0.28 dual_clip=3.0
  dapo paper | rollouts | | group-normalization | clipped-surrogate | eps_high=0.28 drop_uniform_groups=true
  gspo trl | rollouts | | group-normalization | clipped-surrogate | ratio_level=sequence_mean eps_low=0.0003 \
  eps_high=0.0004 aggregation=seq-mean-token-mean
  gspo verl | rollouts | | group-normalization | clipped-surrogate | ratio_level=sequence_mean dual_clip=none
  cispo trl | rollouts | | group-normalization | cispo | cispo_cap=5.0 cispo_low=none aggregation=token-mean
  cispo verl | rollouts | | group-normalization | cispo | cispo_cap=1.2 cispo_low=0.2
  kimi paper | rollouts | | kimi | kimi | form=surrogate tau=0.5 kimi_baseline=mean
  kimi squared | rollouts | | kimi | kimi | form=squared
  o1-pruner paper | rollouts | reference | length-harmonizing | clipped-surrogate | lambda=2.0 reward_clip_low=none \
  standardize=false ratio_level=sequence_sum ratio_to=reference aggregation=seq-mean-token-mean
  o1-pruner released | rollouts | reference | length-harmonizing | clipped-surrogate | reward_clip_low=-2.0 \
  reward_clip_high=4.0 standardize=true ratio_level=sequence_mean
  brpo paper | rollouts | | brpo | clipped-surrogate | drop_above=0.6 pair_reference=drawn aggregation=seq-mean-token-mean
  dro verl | rollouts | | group-normalization | dro | dro_beta=0.5 aggregation=token-mean
  dpo sigmoid | pairs | reference | none | preference | preference=sigmoid beta=0.1 length_average=false
  dpo sigmoid-norm | pairs | reference | none | preference | preference=sigmoid beta=2.0 length_average=true
  dpo hinge | pairs | reference | none | preference | preference=hinge beta=0.1
  dpo ipo | pairs | reference | none | preference | preference=ipo length_average=true
  dpo ipo-summed | pairs | reference | none | preference | preference=ipo length_average=false
  dpo robust | pairs | reference | none | preference | preference=robust label_smoothing=0.1
  dpo cdpo | pairs | reference | none | preference | preference=cdpo label_smoothing=0.1
  dpo apo-zero | pairs | reference | none | preference | preference=apo_zero
  dpo sppo-hard | pairs | reference | none | preference | preference=sppo_hard
  simpo paper | pairs | | none | preference | preference=simpo beta=2.0 gamma=1.0 reference_free=true
  simpo trl | pairs | | none | preference | preference=simpo beta=0.1 gamma=0.5 length_average=true
  kto trl | labelled | reference, mismatched | none | kto | beta=0.1 desirable_weight=1.0 undesirable_weight=1.0
  """.split(separator: "\n").map { $0.split(separator: "|", omittingEmptySubsequences: false).map(trimmed) }

private func trimmed(_ text: Substring) -> String {
  String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
}

@Suite struct RecipeTests {
  @Test func everyEntryHasItsRow() {
    #expect(rows.map { $0[0] }.sorted() == everyRecipe.sorted())
    #expect(Set(everyRecipe).count == everyRecipe.count)
  }

  @Test(arguments: rows)
  func recipeValues(row: [String]) throws {
    let made = try #require(recipe(row[0]))
    #expect("\(made.name) \(made.preset)" == row[0])
    #expect(made.data.rawValue == row[1])
    #expect(made.needs.description == row[2])
    let parameters = made.parameters
    #expect(Set(parameters.map(\.name)).count == parameters.count)
    for pair in ["advantage=\(row[3])", "loss=\(row[4])"] + row[5].split(separator: " ").map(String.init) {
      let found = parameters.contains { "\($0.name)=\($0.value)" == pair }
      #expect(found, "\(row[0]): \(pair)")
    }
  }

  @Test func namesThatDoNotExist() {
    #expect(Recipe.named("grpo2") == nil)
    for entry in Recipe.table { #expect(Recipe.named(entry.name, preset: "nobody") == nil) }
    #expect(Recipe.named("grpo") == Recipe.named("grpo", preset: "trl"))
  }

  /// Every setting takes back its own value and nothing else changes; none takes nonsense.
  @Test(arguments: everyRecipe)
  func settingsGoRoundTrip(name: String) throws {
    let made = try #require(recipe(name))
    for setting in made.settings {
      var copy = made
      try copy.set(setting.name, setting.get(made))
      #expect(copy == made, "\(setting.name)")
      for nonsense in ["", "nan", "-inf", "1e999", "no such thing", "1,x"] {
        #expect(throws: SettingError.self, "\(setting.name)=\(nonsense)") { try copy.set(setting.name, nonsense) }
      }
      #expect(copy == made, "\(setting.name)")
    }
  }

  @Test func settingsChange() throws {
    var made = try #require(Recipe.named("dapo"))
    try made.set("kl", "0.02")
    try made.set("clip-high", "none")
    try made.set("entropy", "0.01")
    try made.set("aggregation", "seq-mean-token-sum")
    try made.set("rollout-mode", "token-truncate")
    try made.set("rollout_max", "2")
    #expect(made.policy?.kl == 0.02 && made.policy?.high == nil)
    #expect(made.policy?.rollout == RolloutCorrection(.tokenTruncate, maximum: 2))
    #expect(made.weights.aggregation == .seqMeanTokenSum)
    #expect(made.needs == [.reference, .entropy, .behaviour])
    try made.set("kl-in-reward", "0.05")
    try made.set("kl_in_reward_estimator", "k3")
    try made.set("kl_target", "6")
    #expect(made.klInReward == KLInReward(.k3, beta: 0.05, target: 6))
    try made.set("kl-in-reward", "none")
    #expect(made.klInReward == nil)
    try made.set("demonstration_coef", "0.1")
    #expect(made.demonstrations == NegativeLogLikelihood(coefficient: 0.1))
    var gdpo = try #require(Recipe.named("grpo", preset: "gdpo"))
    try gdpo.set("reward-weights", "1,0.5")
    #expect(gdpo.parameters.contains { $0.name == "reward_weights" && $0.value == "1.0,0.5" })
    var ppo = try #require(Recipe.named("ppo"))
    try ppo.set("value-coefficient", "0.3")
    try ppo.set("whiten", "openrlhf")
    #expect(ppo.value?.coefficient == 0.3)
  }

  @Test func settingsThatAreNotThere() throws {
    var made = try #require(Recipe.named("simpo"))
    let error = #expect(throws: SettingError.self) { try made.set("clip-low", "0.1") }
    #expect(error?.expected == nil && error?.known.contains("beta") == true)
    #expect(error?.description.contains("there is no setting 'clip-low'") == true)
    let range = #expect(throws: SettingError.self) { try made.set("label_smoothing", "0.5") }
    #expect(range?.description == "label_smoothing=0.5: expected a number of 0.0 or more below 0.5")
  }
}
