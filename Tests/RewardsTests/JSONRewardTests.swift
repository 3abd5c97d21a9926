import Rewards
import Testing

@Suite struct JSONRewardTests {
  @Test(arguments: [
    ("{}", 1), (" [1, -0.5e+3, \"a\\n\\u00e9\\ud83d\\ude00\", null, true, {\"a\": []}]\n", 1), ("0", 1), ("\"\"", 1),
    ("-0", 1), ("1E5", 1), ("\"\\ud800\"", 1), ("{\"a\": 1, \"a\": 2}", 1), ("1e999", 1),
    ("", 0), (" ", 0), ("{", 0), ("[1,]", 0), ("{\"a\": 1,}", 0), ("{a: 1}", 0), ("{'a': 1}", 0), ("01", 0), ("+1", 0),
    (".5", 0), ("1.", 0), ("1e", 0), ("-", 0), ("NaN", 0), ("Infinity", 0), ("nul", 0), ("truex", 0), ("[1] 2", 0),
    ("\"\n\"", 0), ("\"\\x\"", 0), ("\"\\u12\"", 0), ("\"", 0), ("// a\n1", 0), ("\u{FEFF}1", 0), ("\u{A0}1", 0),
    ("{\"a\" 1}", 0), ("{1: 2}", 0), ("[1 2]", 0), ("```json\n1\n```", 0),
  ])
  func strictly(text: String, value: Double) throws {
    #expect(try score("json", text).value == value)
  }

  @Test func bytesThatAreNoText() throws {
    let reward = try RewardRegistry.reward("json")
    #expect(reward.score([RewardInput(response: [0x22, 0xFF, 0x22])])[0].value == 0)
    #expect(reward.score([RewardInput(response: [0x22, 0xC3, 0xA9, 0x22])])[0].value == 1)
  }

  @Test func nestingIsBounded() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(try score("json", nested(100)).value == 1)
    #expect(try score("json", nested(101)).value == 0)
    #expect(try score("json", nested(200_000)).value == 0)
  }

  @Test func parts() throws {
    let text = "<answer>[2]</answer>\n```json\n{\"a\": 1}\n```\n```json\n[3]\n```\n```\nx\n```\n```json\nopen"
    #expect(try score("json:from=tag", text) == RewardOutput(1, extracted: "[2]"))
    #expect(try score("json:from=fence", text) == RewardOutput(1, extracted: "[3]"))
    #expect(try score("json", text).value == 0)
    #expect(try score("json:from=tag", "[2]").value == 0)
    #expect(try score("json:from=fence", "[2]").value == 0)
    // A fence inside of another block is its text.
    #expect(try score("json:from=fence", "```text\n```json\n1\n```\n").value == 0)
  }

  /// Schema, a value it accepts, a value it does not.
  @Test(arguments: [
    (#"{"type":"integer"}"#, "3.0", "3.5"), (#"{"type":["null","string"]}"#, "null", "1"),
    (#"{"enum":[1,{"a":1,"b":2}]}"#, #"{"b":2,"a":1}"#, #"{"a":1}"#), (#"{"const":"x"}"#, #""x""#, #""y""#),
    (#"{"properties":{"a":{"type":"number"}},"required":["a"]}"#, #"{"a":1,"b":2}"#, #"{"b":2}"#),
    (#"{"properties":{"a":true},"additionalProperties":false}"#, #"{"a":1}"#, #"{"a":1,"b":2}"#),
    (#"{"additionalProperties":{"type":"string"}}"#, #"{"q":"1"}"#, #"{"q":1}"#),
    (#"{"patternProperties":{"^n":{"type":"number"}},"additionalProperties":false}"#, #"{"n1":1}"#, #"{"n1":"1"}"#),
    (#"{"propertyNames":{"maxLength":2}}"#, #"{"ab":1}"#, #"{"abc":1}"#),
    (#"{"items":{"type":"integer"}}"#, "[1,2]", "[1,\"2\"]"), (#"{"items":false}"#, "[]", "[1]"),
    (#"{"prefixItems":[{"const":1}],"items":{"const":2}}"#, "[1,2,2]", "[1,2,1]"),
    (#"{"contains":{"const":1},"minContains":2,"maxContains":3}"#, "[1,0,1]", "[1,0]"),
    (#"{"minItems":1,"maxItems":2,"uniqueItems":true}"#, "[1,2]", "[1,1]"),
    (#"{"minProperties":1,"maxProperties":1}"#, #"{"a":1}"#, "{}"),
    (#"{"minLength":2,"maxLength":2}"#, #""éé""#, #""é""#),
    (#"{"minimum":1,"exclusiveMaximum":2}"#, "1", "2"), (#"{"exclusiveMinimum":1,"maximum":2}"#, "2", "1"),
    (#"{"multipleOf":0.1}"#, "0.3", "0.35"), (#"{"pattern":"^a+$"}"#, #""aa""#, #""ab""#),
    (#"{"anyOf":[{"type":"null"},{"minimum":3}]}"#, "3", "2"), (#"{"oneOf":[{"minimum":1},{"minimum":3}]}"#, "2", "4"),
    (#"{"allOf":[{"minimum":1},{"maximum":3}]}"#, "2", "4"), (#"{"not":{"type":"null"}}"#, "1", "null"),
    (#"{"if":{"minimum":5},"then":{"multipleOf":5},"else":{"multipleOf":2}}"#, "10", "3"),
    (
      ##"{"$defs":{"t":{"properties":{"next":{"$ref":"#/$defs/t"}},"additionalProperties":false}},"$ref":"#/$defs/t"}"##,
      #"{"next":{"next":{}}}"#, #"{"next":{"prev":{}}}"#
    ),
    (##"{"$defs":{"a/b":{"const":1}},"$ref":"#/$defs/a~1b"}"##, "1", "2"), ("true", "1", "x"),
    (#"{"title":"t"}"#, "1", "{"),
  ])
  func schemas(schema: String, accepted: String, refused: String) throws {
    let spec = "json-schema:schema=\(schema)"
    #expect(try score(spec, accepted).value == 1, "\(schema) \(accepted)")
    #expect(try score(spec, refused).value == 0, "\(schema) \(refused)")
    // The same from the prompt's field, as text.
    var input = RewardInput(response: Array(accepted.utf8))
    input.meta = .object([("schema", .text(schema))])
    #expect(try RewardRegistry.reward("json-schema").score([input])[0].value == 1)
  }

  @Test(arguments: [
    (#"{"dependentRequired":{}}"#, "#: 'dependentRequired' is not supported"), ("[]", "expected an object"),
    (#"{"properties":{"a":{"type":"float"}}}"#, "#/properties/a/type: expected one or a list of"),
    (#"{"minLength":-1}"#, "whole number"), (#"{"items":[true]}"#, "expected an object"), ("{", "JSON: byte 1"),
    (#"{"pattern":"(?=a)"}"#, "#/pattern: pattern"), (##"{"$ref":"#/nothing"}"##, "there is no such place"),
    (#"{"$ref":"http://x/y"}"#, "there is no such place"), (#"{"anyOf":[]}"#, "a list of schemas"),
    (#"{"required":[1]}"#, "a list of names"),
  ])
  func schemasThatCannotBeUsed(schema: String, message: String) throws {
    #expect { try RewardRegistry.reward("json-schema:schema=\(schema)") } throws: {
      ($0 as? RewardError)?.description.contains(message) == true
    }
    var input = RewardInput(response: Array("1".utf8))
    input.meta = .object([("schema", .text(schema))])
    let output = try RewardRegistry.reward("json-schema").score([input])[0]
    #expect(output.value == nil)
    #expect(output.extracted?.hasPrefix("meta.schema: ") == true)
  }

  @Test func withoutASchemaNothingIsJudged() throws {
    #expect(try score("json-schema", "1") == RewardOutput(nil))
  }

  /// Schemas that refer to themselves or multiply end, and accept nothing they could not decide.
  @Test(arguments: [
    ##"{"$ref":"#"}"##, ##"{"not":{"$ref":"#"}}"##,
    ##"{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}"##,
  ])
  func endlessSchemas(schema: String) throws {
    #expect(try score("json-schema:schema=\(schema)", "[1]").value == 0)
  }
}

@Suite struct LanguageRewardTests {
  static let texts = [
    "en": "The number of apples is five, and they are on the table. So we have to add two more.",
    "de": "Die Anzahl der Äpfel ist fünf, und sie liegen auf dem Tisch. Wir müssen also noch zwei dazulegen.",
    "fr": "Le nombre de pommes est cinq, et elles sont sur la table. Nous devons donc en ajouter deux.",
    "es": "El número de manzanas es cinco y están en la mesa. Entonces hay que añadir dos más.",
    "it": "Il numero di mele è cinque e sono sul tavolo. Quindi dobbiamo aggiungere anche due mele nella cesta.",
    "pt": "O número de maçãs é cinco e elas estão na mesa. Então você tem que adicionar mais duas.",
    "nl": "Het aantal appels is vijf en ze liggen op de tafel. We moeten er dan nog twee bij doen.",
    "ru": "Число яблок пять, и они лежат на столе. Мы должны добавить ещё два.",
    "uk": "Кількість яблук п'ять, і вони лежать на столі. Ми маємо додати ще два.",
    "el": "Ο αριθμός των μήλων είναι πέντε.", "ar": "عدد التفاحات هو خمسة وهي على الطاولة.",
    "he": "מספר התפוחים הוא חמש.",
    "hi": "सेबों की संख्या पाँच है और वे मेज पर हैं।", "th": "มีแอปเปิ้ลห้าลูกบนโต๊ะ", "ja": "テーブルの上にりんごが五つあります。",
    "zh": "桌子上有五个苹果。", "ko": "탁자 위에 사과가 다섯 개 있습니다.",
  ]

  private func value(_ spec: String, _ response: String, prompt: String = "", meta: Fact = .object([])) throws
    -> Double?
  {
    var input = RewardInput(response: Array(response.utf8), prompt: Array(prompt.utf8))
    input.meta = meta
    return try RewardRegistry.reward(spec).score([input])[0].value
  }

  @Test func everyLanguageIsItself() throws {
    for (code, text) in Self.texts {
      #expect(try value("language=\(code)", text) == 1, "\(code)")
      #expect(try value("language", text, prompt: text) == 1, "\(code)")
      #expect(try value("language=meta", text, meta: .object([("language", .text(code))])) == 1, "\(code)")
      for (other, _) in Self.texts where other != code && !(code == "zh" && other == "ja") {
        let share = try #require(try value("language=\(other)", text))
        #expect(share < 0.5, "\(code) as \(other): \(share)")
        #expect(
          try #require(try value("language", text, prompt: Self.texts[other] ?? "")) < 0.5, "\(code) for \(other)")
      }
    }
  }

  @Test func sharesAreOfWords() throws {
    #expect(try value("language=en", "This is the one.\nDas ist nicht die eine.") == 4.0 / 9)
    #expect(try value("language=zh", "我们 have two") == 2.0 / 4)
    #expect(try value("language=en", "") == 0)
    #expect(try value("language=en", "5 + 6 = x") == 0)
    // Code, commands, tags and variables are in no language.
    #expect(
      try value("language=de", "<think>Das ist \\frac{a}{b}.</think>\n```\nreturn the value of it\n```\nUnd nicht x.")
        == 1)
    #expect(try value("language", "yes", prompt: "5 + 6") == nil)
    #expect(try value("language=meta", "yes", meta: .object([("language", .text("xx"))])) == nil)
    #expect { try RewardRegistry.reward("language=klingon") } throws: {
      "\($0)".contains("expected match-prompt, meta or")
    }
  }

  @Test(
    arguments: [
      ("5", "it is 5.", 1), ("5", "(5)", 1), ("5", "15", 0), ("5", "5.2", 0), ("5", "1,5", 0), ("5", "-5", 0),
      ("5", "7-5", 1),
      ("-5", "is -5", 1), ("5", "5kg", 0), ("5", "5, 6", 1), ("Paris", "in paris!", 1), ("art", "party", 0),
      ("caf", "café", 0), ("北京", "在北京市", 1), ("5", "答案是5。", 1), ("two  words", "two words", 0), ("", "x", nil),
      (" ", "x", nil), ("x", "", 0), ("1/2", "is 1/2 of", 1), ("aa", "aaaa aa", 1), ("3.5", "3.5", 1), ("3", "3.", 1),
    ] as [(String, String, Double?)])
  func present(answer: String, response: String, value: Double?) throws {
    #expect(try score("answer-present", response, answer: answer).value == value)
  }

  @Test func presenceInParts() throws {
    #expect(try score("answer-present", "Paris").value == nil)
    #expect(try score("answer-present:case=exact", "paris", answer: "Paris").value == 0)
    #expect(try score("answer-present:from=tag", "Paris <answer>Rome</answer>", answer: "Paris").value == 0)
    #expect(try score("answer-present:from=tag", "<answer>Paris, I say</answer>", answer: "Paris").value == 1)
  }

  @Test func repetitionByWords() throws {
    #expect(try score("repetition:of=words,ngram=2", "a b A b").value == -(1 - 2.0 / 3))
    #expect(try score("repetition:of=words", "a b").value == 0)
    #expect(try score("repetition:of=words,ngram=1,max-penalty=0", "a a").value == 0)
  }
}
