import Formats
import Objectives
import TestSupport
import Testing

/// One case of a golden objectives file.
struct GoldenCase: CustomStringConvertible, Sendable {
  let name: String
  let config: JSON
  let inputs: JSON
  let expected: JSON

  var description: String { name }
  var objective: String { config["objective"]?.string ?? "?" }

  /// Every case of a file in the golden folder's `objectives`.
  static func all(_ file: String) throws -> [GoldenCase] {
    let cases = try #require(try JSON.parse(contentsOf: Golden.folder + "/objectives/" + file).array)
    return try cases.map { entry in
      GoldenCase(
        name: try #require(entry["name"]?.string), config: try #require(entry["config"]),
        inputs: try #require(entry["inputs"]), expected: try #require(entry["expected"]))
    }
  }

  /// Checks every case of a file with the check of its objective; an objective without one fails.
  static func check(_ file: String, _ checks: [String: (GoldenCase) throws -> Void]) throws {
    let cases = try all(file)
    #expect(!cases.isEmpty, "\(file)")
    let left = unchecked(cases, Set(checks.keys))
    #expect(left.isEmpty, "\(file): nobody checks the objectives \(left)")
    for golden in cases {
      guard let check = checks[golden.objective] else { continue }
      do { try check(golden) } catch { Issue.record("\(file): \(golden): \(error)") }
    }
  }

  static func unchecked(_ cases: [GoldenCase], _ objectives: Set<String>) -> Set<String> {
    Set(cases.map(\.objective)).subtracting(objectives)
  }

  /// A setting; nil where it is switched off (null or missing).
  func setting(_ key: String) -> JSON? {
    guard let value = config[key], !value.isNull else { return nil }
    return value
  }

  func number(_ key: String) throws -> Double { try #require(setting(key)?.double, "\(name) \(key)") }

  func choice<T: RawRepresentable<String>>(_ key: String, _ type: T.Type = T.self) throws -> T {
    let text = try #require(setting(key)?.string, "\(name) \(key)")
    return try #require(T(rawValue: text), "\(name) \(key) \(text)")
  }

  func rows(_ key: String) -> [[Double]]? { inputs[key].flatMap(rectangle) }
  func numbers(_ key: String) throws -> [Double] { try #require(vector(inputs[key]), "\(name) \(key)") }
  func ragged(_ key: String) throws -> [[Double]] { try #require(rows(key), "\(name) \(key)") }

  var groups: [Int] {
    get throws { try #require(inputs["group"]?.array, "\(name) group").compactMap(\.int) }
  }

  /// The mask, or one that has every entry of `key`.
  func mask(like key: String) throws -> [[Bool]] {
    if let rows = rows("mask") { return rows.map { $0.map { $0 != 0 } } }
    return try ragged(key).map { $0.map { _ in true } }
  }

  // MARK: comparing

  func close(_ got: Double?, _ json: JSON?, _ what: String) throws {
    let value = try #require(got, "\(name) \(what)")
    let wanted = try #require(json?.double, "\(name) \(what)")
    #expect(distance(value, wanted) <= tolerance, "\(name) \(what): \(value), expected \(wanted)")
  }

  func close(_ got: [Double], _ json: JSON?, _ what: String) throws {
    let wanted = try #require(vector(json), "\(name) \(what)")
    #expect(got.count == wanted.count, "\(name) \(what)")
    for (a, b) in zip(got, wanted) {
      #expect(distance(a, b) <= tolerance, "\(name) \(what): \(a), expected \(b)")
    }
  }

  func close(_ got: [[Double]], _ json: JSON?, _ what: String) throws {
    let wanted = try #require(json?.array, "\(name) \(what)")
    #expect(got.count == wanted.count, "\(name) \(what)")
    for (a, b) in zip(got, wanted) { try close(a, b, what) }
  }

  /// Every expected metric is among ours; `renamed` says where ours has another name.
  func close(_ metrics: [(name: String, value: Double)], renamed: [String: String] = [:]) throws {
    for member in expected["metrics"]?.object?.members ?? [] {
      let name = renamed[member.key] ?? member.key
      try close(metrics.first { $0.name == name }?.value, member.value, "metric \(member.key)")
    }
  }

  /// Every key of `expected` must have been looked at.
  func covers(_ keys: Set<String>) {
    let left = uncovered(keys)
    #expect(left.isEmpty, "\(name): nobody checks \(left)")
  }

  func uncovered(_ keys: Set<String>) -> [String] {
    (expected.object?.members ?? []).map(\.key).filter { !keys.contains($0) }
  }
}

func vector(_ json: JSON?) -> [Double]? {
  guard let array = json?.array else { return nil }
  let numbers = array.compactMap(\.double)
  return numbers.count == array.count ? numbers : nil
}
func optionals(_ json: JSON?) -> [Double?]? { json?.array?.map { $0.isNull ? nil : $0.double } }
func rectangle(_ json: JSON?) -> [[Double]]? {
  guard let array = json?.array else { return nil }
  let rows = array.compactMap { vector($0) }
  return rows.count == array.count ? rows : nil
}

/// The distance that the golden files' README asks for: |got − expected| / (1 + |expected|).
func distance(_ got: Double, _ expected: Double) -> Double {
  got == expected ? 0 : (got - expected).magnitude / (1 + expected.magnitude)
}

let tolerance = 1e-10
